"""An alert of CAP 1.2 as a format: what `adapters.cap` reads and writes, one warning a file."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, BinaryIO, ClassVar, Final

from adapters.cap import read_cap
from adapters.cap.document import DOCUMENT_BYTES
from adapters.formats.form import Form, Item, Outgoing

DOCUMENT: Final = "document"
"""The one column of an alert on its way out: the whole of it, as `adapters.cap` writes it."""


@dataclass(frozen=True)
class CapAlert(Form):
    """`areas` are six-digit divisions for areas that name none."""

    areas: tuple[str, ...] = ()

    suffix: ClassVar[str] = "xml"
    source_suffix: ClassVar[str] = "xml"
    single: ClassVar[bool] = True

    def recognises(self, head: bytes, stream: BinaryIO) -> bool:
        return b"<" in head[:8] and (b"alert" in head or b"a\0l\0e\0r\0t" in head)

    def read(self, stream: BinaryIO) -> Iterator[Item]:
        report = read_cap(stream.read(DOCUMENT_BYTES + 1), default_geocodes=self.areas)
        yield from report.drafts
        yield from report.rejections

    def write(self, stream: BinaryIO, outgoing: Sequence[Outgoing]) -> None:
        for table in outgoing:
            for row in table.rows:
                stream.write(row[DOCUMENT])

    def holds(self, cell: Any) -> bool:
        return True
