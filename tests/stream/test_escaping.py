"""Lines that hold line ends, in files of lines."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stream.escaping import as_sent, escape, unescape

odd = st.lists(st.sampled_from([b"\\", b"\n", b"\r", b"n", b"r", b"\xff", b"\0", b"x"])).map(b"".join)
any_line = st.one_of(st.binary(), odd)


@given(any_line)
def test_any_line_survives_a_file_of_lines(line):
    text = escape(line)
    assert b"\n" not in text
    assert not text.endswith(b"\r")
    assert unescape(text) == line


@given(st.lists(any_line), st.sampled_from([b"\n", b"\r\n"]))
def test_any_lines_survive_together_whatever_the_files_line_ends(lines, end):
    text = b"".join(escape(line) + end for line in lines)
    assert list(as_sent(text.split(b"\n")[:-1], text)) == lines


@given(st.binary().filter(lambda line: b"\n" not in line and not line.endswith(b"\r") and not line.startswith(b"\\")))
def test_an_ordinary_line_is_written_as_it_is(line):
    assert escape(line) == line


@pytest.mark.parametrize(
    ("line", "text"), [(b"a\nb", rb"\a\nb"), (b"a\r", rb"\a\r"), (b"\\a", rb"\\\a"), (b"a\\b", rb"a\b")]
)
def test_how_the_odd_ones_look(line, text):
    assert escape(line) == text


@pytest.mark.parametrize("text", [rb"\2026-09-12T09:15,7,GET /rate/heat+1995=4", rb"\x", b"\\", rb"\a\tb\n"])
def test_a_backslash_that_another_tool_wrote_stays(text):
    assert unescape(text) == text
