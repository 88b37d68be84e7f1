"""Lines as a file's reader hands them on: in one piece of memory, or converted from another format."""

from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property
from typing import Any


class TextLines(Sequence[bytes]):
    """Lines of a text, each without its newline; cut out only where somebody asks for them."""

    def __init__(self, text: bytes) -> None:
        """text: whole lines, each ended by a newline, the last one too."""
        self.text = text

    @cached_property
    def _count(self) -> int:
        return self.text.count(b"\n")

    def __len__(self) -> int:
        return self._count

    def __iter__(self) -> Iterator[bytes]:
        return iter(self.text.split(b"\n")[:-1])

    def __getitem__(self, index: Any) -> Any:
        return list(self)[index]

    def pieces(self, size_bytes: int) -> "Iterator[TextLines]":
        """The same lines in runs of at most `size_bytes`, but at least one line, each."""
        start = 0
        while start < len(self.text):
            end = self.text.rfind(b"\n", start, start + size_bytes) + 1
            end = end or self.text.index(b"\n", start) + 1  # a line longer than that
            yield TextLines(self.text[start:end])
            start = end


class ConvertedLines(Sequence[bytes]):
    """Log lines made of another format's rows; a row that could not be converted stands there as it was."""

    def __init__(self, lines: Sequence[bytes], refused: Mapping[int, str]) -> None:
        """refused: reason by index, of the rows that are no log line."""
        self._lines, self.refused = lines, refused

    def __len__(self) -> int:
        return len(self._lines)

    def __getitem__(self, index: Any) -> Any:
        return self._lines[index]

    def from_line(self, first: int) -> "ConvertedLines":
        """The same without the first so many."""
        return ConvertedLines(self._lines[first:], {row - first: why for row, why in self.refused.items()})
