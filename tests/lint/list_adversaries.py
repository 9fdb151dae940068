#!/usr/bin/env python3
"""Lists the attacks that no test names. For people to read; it never fails a build.

    list_adversaries.py ROOT [ADVERSARIES.md]

A test names a row by its id with an underscore: `TEST(ClientHello, T_02_…)`, `def test_T_02_…`.
"""
import pathlib
import re
import sys

LETTERS = "NIDTHCLFP"
ROW = re.compile(r"^\| *([A-Z])-(\d\d) *\| *([^|]*)", re.M)
ID = re.compile(r"(?<![A-Za-z0-9])([A-Za-z])_(\d\d)(?![0-9])")


def rows(text):
    return {f"{letter}-{number}": what.strip() for letter, number, what in ROW.findall(text) if letter in LETTERS}


def ids_in(text):
    """Ids in the names of tests; a name may carry several."""
    names = re.findall(r"\bTEST(?:_F|_P)?\(\s*\w+\s*,\s*(\w+)", text)
    names += re.findall(r"\bdef test_(\w+)", text)
    return {f"{letter.upper()}-{number}" for name in names for letter, number in ID.findall(name)}


def tested(root):
    found = set()
    for pattern in ("*_test.cpp", "test_*.py"):
        for path in root.rglob(pattern):
            if "build" not in path.relative_to(root).parts[0]:
                found |= ids_in(path.read_text(encoding="utf-8"))
    return found


def main(root, table=None):
    root = pathlib.Path(root)
    table = pathlib.Path(table) if table else root.parent / "shared" / "ADVERSARIES.md"
    if not table.exists():
        print("attacks: the table is not here, nothing to compare")
        return 0
    known = rows(table.read_text(encoding="utf-8"))
    covered = tested(root)
    missing = [row for row in known if row not in covered]
    print(f"attacks: {len(known) - len(missing)} of {len(known)} rows are named by a test")
    for row in missing:
        print(f"  {row}  {known[row][:100]}")
    return 0


if __name__ == "__main__":
    sys.exit(main(*(sys.argv[1:3] or ["."])))
