#!/usr/bin/env python3
"""Holds the arrows between rooms: includes point down, and the pure ground includes nothing that does I/O.

    check_includes.py ROOT
"""
import pathlib
import re
import sys

# From the ground up; a room may include itself and what stands before it.
ROOMS = ["policy", "net", "certs", "telemetry", "dns", "approvals", "console", "proxy"]
# Folders where spans go in and values come out.
PURE = ["policy", "proxy/wire", "dns/wire"]
# Libraries inside a room that serve it and know nothing of it: what each may include.
ALONE = {
    "proxy/inspection": ("proxy/inspection/", "certs/", "net/", "policy/"),
    "proxy/http2": ("proxy/http2/", "proxy/wire/", "net/", "policy/"),
}
# Wire libraries see themselves and policy/ only, whatever their room may see.
IMPURE = re.compile(
    r"<(boost/asio|boost/beast|openssl/|ares|sqlite3|spdlog/|sys/|netinet/|netdb|net/|linux/|poll\.h|unistd\.h|fcntl\.h|thread>|mutex>)")
# The loader's hands, and the only ones of its room.
HANDS = {"policy/read_file.cpp"}
INCLUDE = re.compile(r'^\s*#\s*include\s*([<"][^>"]+[>"])', re.M)
TEST = re.compile(r"_(test|fuzz|benchmark)\.cpp$")


def sources(root):
    for room in ROOMS:
        for path in sorted((root / room).rglob("*")):
            if path.suffix in (".cpp", ".hpp"):
                yield path


def complaint(folder, included, may_do_io):
    """Why a file of `folder` may not have this include, or None."""
    room = folder.split("/")[0]
    pure = next((ground for ground in PURE if folder == ground or folder.startswith(ground + "/")), None)
    if included.startswith('"'):
        other = included.strip('"').split("/")[0]
        if other not in ROOMS:
            return "write the include from the root: \"room/file.hpp\""
        if ROOMS.index(other) > ROOMS.index(room):
            return f"an arrow that runs up, from {room} to {other}"
        if pure and not included[1:].startswith((pure + "/", "policy/")):
            return f"{pure} is pure: it may include itself and policy/ only"
        if folder in ALONE and not included[1:].startswith(ALONE[folder]):
            return f"{folder} may include {', '.join(ALONE[folder])} only"
        return None
    if pure and not may_do_io and IMPURE.match(included):
        return f"{pure} is pure: spans in, values out, no I/O"
    return None


def findings(root):
    for path in sources(root):
        name = path.relative_to(root).as_posix()
        text = path.read_text(encoding="utf-8")
        for found in INCLUDE.finditer(text):
            why = complaint(path.relative_to(root).parent.as_posix(), found.group(1), name in HANDS or bool(TEST.search(name)))
            if why:
                yield f"{name}:{text.count(chr(10), 0, found.start(1)) + 1}: {found.group(1)}: {why}"


def main(root):
    lines = list(findings(pathlib.Path(root)))
    print("\n".join(lines), end="\n" if lines else "")
    return 1 if lines else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1] if len(sys.argv) > 1 else "."))
