r"""How a recording keeps the few lines that would not survive as lines of a text file.

A line that holds a line feed, ends in a carriage return or begins with a backslash is written as a backslash, then
itself with `\` as `\\`, LF as `\n` and CR as `\r`. Every other line is written as it is, bytes that are no UTF-8
included. A file's line that begins with a backslash but is not what `escape` makes of any line is taken as it stands,
so that recordings made by other tools keep their odd lines.
"""

import re
from collections.abc import Sequence

MARK = b"\\"

_ESCAPED = re.compile(rb"\\(.)", re.DOTALL)
_MEANS = {b"n": b"\n", b"r": b"\r", b"\\": b"\\"}


def escape(line: bytes) -> bytes:
    """A line as a recording's file has it, without the line feed behind it; `unescape` is its inverse."""
    if b"\n" not in line and not line.startswith(MARK) and not line.endswith(b"\r"):
        return line
    return MARK + line.replace(MARK, rb"\\").replace(b"\n", rb"\n").replace(b"\r", rb"\r")


def unescape(text: bytes) -> bytes:
    """The line that a line of a recording's file stands for."""
    if not text.startswith(MARK):
        return text
    line = _ESCAPED.sub(lambda found: _MEANS.get(found[1], found[0]), text[1:])
    return line if escape(line) == text else text


def as_sent(lines: Sequence[bytes], text: bytes) -> Sequence[bytes]:
    """Lines of a file as they were in the topic; text: what they were split from at its line feeds."""
    if b"\r" in text:
        lines = [line.removesuffix(b"\r") for line in lines]
    if text.startswith(MARK) or b"\n" + MARK in text:
        lines = [unescape(line) for line in lines]
    return lines
