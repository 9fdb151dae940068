#!/usr/bin/env python3
"""Finds co_await where GCC 12.2 silently makes wrong code of it.

    check_co_await.py FILE…      one line a finding, exit status 1 if there is any

The rule it holds: one co_await a statement, either the whole of it or right of one `=` or `co_return`, with nothing
made in the same statement that is destroyed after it (an aggregate, a closure). A name for the object costs nothing.
"""
import re
import sys

AWAIT = re.compile(r"\bco_await\b")
HEAD = re.compile(r"\b(if|while|switch|for)\s*(?:constexpr\s*)?\(")
# What reads like code and is none. A digit separator (1'000) must not open a character literal.
NOT_CODE = re.compile(
    r"//[^\n]*"
    r"|/\*.*?\*/"
    r'|R"(?P<tag>[^()\s\\]{0,16})\(.*?\)(?P=tag)"'
    r'|"(?:\\.|[^"\\\n])*"'
    r"|(?<![0-9A-Fa-f])'(?:\\.|[^'\\\n])+'",
    re.S,
)


def without_text(source):
    """The source with comments and literals made of spaces; every offset and line stays."""
    return NOT_CODE.sub(lambda found: re.sub(r"[^\n]", " ", found.group()), source)


def closing(code, start, pair):
    """Offset just after the bracket that closes the one before `start`."""
    opening, ending = pair
    depth = 1
    for at in range(start, len(code)):
        if code[at] == opening:
            depth += 1
        elif code[at] == ending:
            depth -= 1
            if depth == 0:
                return at + 1
    return len(code)


def conditions(code):
    """(start, end) of what stands in the parentheses of if, while, switch and for."""
    for head in HEAD.finditer(code):
        yield head.end(), closing(code, head.end(), "()") - 1


# What stands before the `{` of a block; before any other `{` stands the object it makes.
BLOCK = re.compile(r"([;{}):]|\b(else|do|try|const|noexcept|mutable)|->[\w:<>,&*\s]+)\s*$")


def statement_around(code, at):
    """The statement in which offset `at` stands: back to a `;`, `}` or a block's `{`, on to its `;`, over brackets."""
    start = at
    while start > 0 and code[start - 1] not in ";}":
        if code[start - 1] == "{" and BLOCK.search(code, max(0, start - 200), start - 1):
            break
        start -= 1
    end, depth = at, 0
    while end < len(code):
        char = code[end]
        if char in "([{":
            depth += 1
        elif char in ")]}":
            depth -= 1
            if depth < 0 and char == "}":
                break
        elif char == ";" and depth <= 0:
            break
        end += 1
    return start, end


def in_any(spans, at):
    return any(start <= at < end for start, end in spans)


def without_heads(statement):
    """`if (…)`, `while (…)`, `for (…)`, `case x:` and `else` cut off the front of a statement."""
    while True:
        shorter = statement.lstrip()
        shorter = re.sub(r"^else\b", "", shorter).lstrip()
        shorter = re.sub(r"^(case\b[^:;]*|default\s*):(?!:)", "", shorter).lstrip()
        head = re.match(HEAD, shorter)
        if head:
            shorter = shorter[closing(shorter, head.end(), "()"):]
        if shorter == statement:
            return statement
        statement = shorter


def fault(code, at, heads):
    """Why the co_await at this offset is in the wrong place, or None."""
    if in_any(heads, at):
        return "in a condition: give the result a name on a line of its own first"
    start, end = statement_around(code, at)
    statement = without_heads(code[start:end])
    count = len(AWAIT.findall(statement))
    if count == 0:  # Cannot be: the await itself is in there.
        return "in a statement this check cannot read: write it plainly"
    if count > 1:
        return "not alone in its statement: one each, with named results"
    if "?" in statement:
        return "under ?: : use if, and a named result"
    if re.search(r"(&&|\|\|)\s*[(!\s]*co_await\b", statement):
        return "as an operand of && or ||: give the result a name first"
    before, after = AWAIT.split(statement)
    if "{" in before:
        return "inside braces that make an object: name the awaited result first"
    if "{" in after:
        return "beside an aggregate or a closure: give that object a name first"
    if before.count("=") - 2 * len(re.findall(r"[=!<>]=", before)) > 1:
        return "right of two assignments: split them"
    return None


def findings(source):
    """(line, why) for each co_await that stands where it must not."""
    code = without_text(source)
    heads = list(conditions(code))
    for found in AWAIT.finditer(code):
        why = fault(code, found.start(), heads)
        if why:
            yield code.count("\n", 0, found.start()) + 1, why


def main(paths):
    count = 0
    for path in paths:
        with open(path, encoding="utf-8") as file:
            for line, why in findings(file.read()):
                count += 1
                print(f"{path}:{line}: co_await {why}")
    return 1 if count else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
