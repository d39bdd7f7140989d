"""A zip with files of another format in it, read through and never unpacked (`packed`)."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, BinaryIO, ClassVar, Final, cast

from adapters.drafts import Note, Place, Reason, Rejection, reject
from adapters.formats.csv_rows import Csv
from adapters.formats.form import Entry, Form, Item, Line, Outgoing, shown_name
from adapters.formats.packed import UNREADABLE, ZIP_MAGIC, danger, member_name, open_zip

_WHEN: Final = (2026, 1, 1, 0, 0, 0)


@dataclass(frozen=True)
class Archive(Form):
    """`Archive(Csv())`: each table is a member of its own, named after it. Other members are left out.

    A table of a grid (CSV) that says where it is (`at`) gives its member that name.
    """

    of: Form = Csv()  # noqa: RUF009 # frozen

    suffix: ClassVar[str] = "zip"
    whole: ClassVar[bool] = True

    @property
    def source_suffix(self) -> str:  # type: ignore[override]  # that of what is in it
        return self.of.source_suffix

    def __post_init__(self) -> None:
        for name in ("header_rows", "foot", "exact_width", "named"):
            object.__setattr__(self, name, getattr(self.of, name))

    def recognises(self, head: bytes, stream: BinaryIO) -> bool:
        return head.startswith(ZIP_MAGIC)

    def read(self, stream: BinaryIO) -> Iterator[Item]:
        archive = open_zip(stream)
        if isinstance(archive, Rejection):
            yield archive
            return
        for member in archive.infolist():
            if member.is_dir():
                continue
            name = shown_name(member_name(member).rpartition("/")[2])
            place = Place(sheet=name)
            flaw = danger(member)
            if flaw is not None:
                yield flaw
            elif not member_name(member).lower().endswith("." + self.of.suffix):
                yield Note(place, f"不是 .{self.of.suffix} 文件，已跳过", f"not .{self.of.suffix}; left out")
            else:
                yield from self._member(archive, member, name)

    def write(self, stream: BinaryIO, outgoing: Sequence[Outgoing]) -> None:
        with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
            for table in outgoing:
                inner = io.BytesIO()
                self.of.write(inner, [table])
                name = table.name if self.of.named else table.at or table.name
                _add(archive, f"{name}.{self.of.suffix}", inner.getvalue())

    def holds(self, cell: Any) -> bool:
        return self.of.holds(cell)

    def sample(self, sources: Mapping[str, bytes]) -> bytes:
        stream = io.BytesIO()
        with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
            for name, source in sources.items():
                _add(archive, f"{name}.{self.of.suffix}", self.of.sample({name: source}))
        return stream.getvalue()

    def _member(self, archive: zipfile.ZipFile, member: zipfile.ZipInfo, name: str) -> Iterator[Item]:
        try:
            with archive.open(member) as source:
                for item in self.of.read(cast(BinaryIO, source)):
                    yield self._placed(item, name)
        except UNREADABLE:
            yield reject(Place(sheet=name), "zip", Reason.BAD_ARCHIVE)

    def _placed(self, item: Item, name: str) -> Item:
        """The same, in the member of that name: it is whole, so that no line of a CSV was cut."""
        place = Place(item.place.row, name)
        if isinstance(item, Line):
            return Line(place, item.cells, item.damaged)
        if isinstance(item, Entry):
            return Entry(place, item.at, item.cells, item.repeated)
        if isinstance(item, Rejection) and item.reason is Reason.UNFINISHED and isinstance(self.of, Csv):
            return reject(place, item.field, Reason.BROKEN_ROW)
        return replace(item, place=place)


def _add(archive: zipfile.ZipFile, name: str, content: bytes) -> None:
    archive.writestr(zipfile.ZipInfo(name, _WHEN), content, zipfile.ZIP_DEFLATED)
