"""Workbooks: .xlsx in and out, streaming; .xls (Excel 97) in only.

What a workbook is sent back as is .xlsx always: nobody keeps a writer of .xls alive, and every office opens
.xlsx. Titles above the heading, headings merged over several rows and sums below the rows are the engine's to
tell apart; `header_rows` says how many rows the heading has.
"""

from __future__ import annotations

import io
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, BinaryIO, ClassVar, Final, Literal

from adapters.drafts import Rejection
from adapters.formats import workbook_in, workbook_out
from adapters.formats.csv_rows import Csv
from adapters.formats.form import FOOT, Form, Item, Line, Outgoing
from adapters.formats.old_workbook import OLE_MAGIC, read_old_workbook
from adapters.formats.packed import ZIP_MAGIC, open_zip

_CELL_CHARACTERS: Final = 32_767
"""Of a cell (Excel's own limit)."""


@dataclass(frozen=True)
class Sheets(Form):
    """`header_rows` is how many rows the heading has; a merged one is named by its rows, 当事人/申请人/姓名.

    `title` stands above the heading on the way out. A workbook with a sheet for each month has a case in every
    month that it lasts: `newest` says where its newest sheet stands, whose row counts (else the second is refused).
    """

    header_rows: int = 1
    foot: tuple[str, ...] = FOOT
    title: str = ""
    newest: Literal["", "first", "last"] = ""

    suffix: ClassVar[str] = "xlsx"
    source_suffix: ClassVar[str] = "csv"
    whole: ClassVar[bool] = True

    def recognises(self, head: bytes, stream: BinaryIO) -> bool:
        if head.startswith(OLE_MAGIC):
            return True
        if not head.startswith(ZIP_MAGIC):
            return False
        archive = open_zip(stream)
        return not isinstance(archive, Rejection) and "[Content_Types].xml" in archive.namelist()

    def read(self, stream: BinaryIO) -> Iterator[Item]:
        old = stream.read(len(OLE_MAGIC)) == OLE_MAGIC
        stream.seek(0)
        read = read_old_workbook if old else workbook_in.read_workbook
        return read(stream, backwards=self.newest == "last")

    def write(self, stream: BinaryIO, outgoing: Sequence[Outgoing]) -> None:
        """What is read first comes in last where the newest sheet is the last one."""
        tables = [*reversed(outgoing)] if self.newest == "last" else outgoing
        workbook_out.write_workbook(stream, tables, self.title, self.header_rows)

    def holds(self, cell: Any) -> bool:
        text = str(cell)
        return len(text) <= _CELL_CHARACTERS and not any(c in text for c in "\ufffe\uffff")

    def sample(self, sources: Mapping[str, bytes]) -> bytes:
        """From grids in CSV: titles, headings with what a merge covers left empty, rows, sums."""
        grids = {name: _grid(source) for name, source in sources.items()}
        return workbook_out.workbook_of(grids)


def _grid(source: bytes) -> list[list[str]]:
    lines = Csv(encoding="utf-8").read(io.BytesIO(source))
    return [list(line.cells) for line in lines if isinstance(line, Line)]
