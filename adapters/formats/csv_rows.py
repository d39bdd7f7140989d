"""Comma- or tab-separated text.

A row begins where the last one ended, and runs over several lines if a quotation mark is open. One that is
never closed would swallow the rest of the file: after `LINES_IN_A_ROW` lines the first line alone is refused,
and reading goes on with the next. A last line that has no end, and lacks cells or a closing quotation mark, is
of a file that is not finished. Out, a text that a spreadsheet would take for a formula gets an apostrophe
before it; in, that is taken off again.
"""

from __future__ import annotations

import csv
import io
import re
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, BinaryIO, ClassVar, Final

from adapters.drafts import Note, Place, Reason, reject
from adapters.formats.decoding import Decoding
from adapters.formats.form import FOOT, Form, Item, Line, Outgoing
from adapters.limits import COLUMNS, LINES_IN_A_ROW, ROW_CHARACTERS
from adapters.values.convert import LOST

_FORMULA: Final = re.compile(r"'*[=+\-@\t\r]")
_PATIENCE: Final = 100
"""Rows with unpaired quotation marks after which no later line is looked at for the end of one."""
_GUARDED: Final = re.compile(r"'+[=+\-@\t\r]")


@dataclass(frozen=True)
class Csv(Form):
    """`encoding` is what the city writes; files in the other of GB18030 and UTF-8, or in both, are read too."""

    encoding: str = "gb18030"
    delimiter: str = ","
    header_rows: int = 1
    foot: tuple[str, ...] = FOOT

    suffix: ClassVar[str] = "csv"
    source_suffix: ClassVar[str] = "csv"
    exact_width: ClassVar[bool] = True

    def recognises(self, head: bytes, stream: BinaryIO) -> bool:
        if head.startswith((b"\xff\xfe", b"\xfe\xff")):
            return True
        return b"\0" not in head and not head.lstrip(b"\xef\xbb\xbf \t\r\n").startswith(
            (b"<", b"{", b"PK\x03\x04", b"%PDF")
        )

    def read(self, stream: BinaryIO) -> Iterator[Item]:
        decoding = Decoding(stream, self.encoding, b"\n")
        lines = _Lines(decoding)
        breaks = 0
        while (taken := lines.take()) is not None:
            number, line = taken
            if '"' not in line:
                cells = line.rstrip("\r\n").split(self.delimiter)
            else:
                found = self._quoted(line, lines)
                if found is None:
                    unclosed = lines.ended_open and line.count('"') % 2
                    yield reject(Place(number), "", Reason.UNFINISHED if unclosed else Reason.BROKEN_ROW)
                    continue
                cells = found
                breaks += sum(cell.count("\n") for cell in cells)
            if len(cells) > COLUMNS or len(line) > ROW_CHARACTERS:
                yield reject(Place(number), "", Reason.TOO_LARGE)
                continue
            cells = [_unguarded(cell) if cell[:1] == "'" else cell for cell in cells]
            yield Line(Place(number), cells, LOST in line, lines.ended_open)
        yield from decoding.notes()
        if breaks:
            yield Note(
                Place(),
                f"单元格内有 {breaks} 处换行：行号按文本行计，其后各行在 Excel 中的行号要小一些",
                f"cells hold {breaks} line breaks: lines are those of the text, in Excel later rows count less",
            )

    def write(self, stream: BinaryIO, outgoing: Sequence[Outgoing]) -> None:
        for table in outgoing:
            text = io.TextIOWrapper(stream, encoding=self.encoding, newline="", write_through=True)
            writer = csv.writer(text, delimiter=self.delimiter, lineterminator="\r\n")
            writer.writerow([_guarded(name) for name in table.columns])
            for row in table.rows:
                writer.writerow([_guarded(row.get(name)) for name in table.columns])
            text.flush()
            text.detach()

    def holds(self, cell: Any) -> bool:
        try:
            text = str(cell)
            text.encode(self.encoding)
        except UnicodeEncodeError:
            return False
        return len(text) <= ROW_CHARACTERS // 4 and LOST not in text

    def sample(self, sources: Mapping[str, bytes]) -> bytes:
        (source,) = sources.values()
        text = source.decode().replace("\r\n", "\n").replace("\n", "\r\n")
        return text.encode(self.encoding)

    def _quoted(self, line: str, lines: _Lines) -> list[str] | None:
        """The cells of a row with quotation marks; None if they do not pair."""
        row, marks = [line], line.count('"')
        more: list[tuple[int, str]] = []
        for _ in range(LINES_IN_A_ROW if lines.broken < _PATIENCE else 1):
            if marks % 2 == 0 or not more:
                cells = self._parsed("".join(row))
                if cells is not None:
                    return cells
            following = lines.take()
            if following is None:
                break
            more.append(following)
            row.append(following[1])
            marks += following[1].count('"')
        lines.put_back(more)
        lines.broken += 1
        return None

    def _parsed(self, row: str) -> list[str] | None:
        try:
            parsed = list(csv.reader(io.StringIO(row, newline=""), delimiter=self.delimiter, strict=True))
        except csv.Error:
            return None
        return parsed[0] if len(parsed) == 1 else None


class _Lines:
    """Numbered lines, with the ends that they have, that can be put back."""

    def __init__(self, decoding: Decoding) -> None:
        self._pieces = decoding.pieces()
        self._waiting: deque[tuple[int, str]] = deque()
        self._number = 0
        self._tail = ""
        self._open = False
        self.broken = 0

    @property
    def ended_open(self) -> bool:
        """Whether the last line was taken, and has no end."""
        return self._open and not self._waiting

    def take(self) -> tuple[int, str] | None:
        while not self._waiting:
            piece = next(self._pieces, None)
            if piece is None:
                if not self._tail:
                    return None
                rest, self._tail = [self._tail], ""
                self._open = not rest[0].endswith("\r")
            else:
                rest = (self._tail + piece).split("\n")
                self._tail = rest.pop()
                if len(self._tail) > 2 * ROW_CHARACTERS:
                    rest.append(self._tail)
                    self._tail = ""
                rest = [line + "\n" for line in rest]
            for line in rest:
                self._number += 1
                self._waiting.append((self._number, line))
        return self._waiting.popleft()

    def put_back(self, lines: Sequence[tuple[int, str]]) -> None:
        self._waiting.extendleft(reversed(lines))


def _guarded(cell: Any) -> Any:
    return "'" + cell if isinstance(cell, str) and _FORMULA.match(cell) else cell


def _unguarded(cell: str) -> str:
    return cell[1:] if _GUARDED.match(cell) else cell
