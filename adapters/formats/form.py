"""What every format is to the engine.

1. `read` gives the rows in their order, lazily, and never raises for what is in the stream: what cannot be
   read is a `Rejection` in its place, and reading goes on after it wherever that can be told.
2. A grid (CSV, workbook) gives `Line`s of cells, headings and titles included; the engine finds the heading.
   Other formats give `Entry`s with names.
3. `write` gets rows of cells by their column names, and writes what `read` reads back to the same cells.
   Cells for which `holds` says no are never given to it.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, BinaryIO, ClassVar, Final, Literal, TypeAlias

from adapters.drafts import Draft, Note, Place, Rejection
from adapters.limits import NAME_CHARACTERS

HEAD_BYTES: Final = 4096
FOOT: Final = (
    "合计",
    "总计",
    "小计",
    "累计",
    "填表人",
    "填报人",
    "制表",
    "审核",
    "备注",
    "说明",
    "注:",
)
"""How the first cell of a row begins, in half-width form, that stands below the rows of a table."""


@dataclass(frozen=True, slots=True)
class Line:
    """A row of a grid, from its first column on; `damaged` if not all of its bytes could be decoded.

    `cut` if the file ends without an end of this line, so that with cells missing it was not written to its end.
    """

    place: Place
    cells: Sequence[Any] = field(repr=False)
    damaged: bool = False
    cut: bool = False


@dataclass(frozen=True, slots=True)
class Entry:
    """A row with names; `at` says in which list of the document it stands, `repeated` names that came twice."""

    place: Place
    at: str
    cells: Mapping[str, Any] = field(repr=False)
    repeated: tuple[str, ...] = ()


Item: TypeAlias = Line | Entry | Draft | Rejection | Note


@dataclass(frozen=True, slots=True)
class Outgoing:
    """Rows on their way out: of which table, into which list or element, with which columns in order."""

    name: str
    at: str
    columns: tuple[str, ...]
    rows: Iterable[Mapping[str, Any]] = field(repr=False)


class Form(ABC):
    """A format with a city's settings. Two that are equal are read together."""

    suffix: ClassVar[str]
    source_suffix: ClassVar[str]
    """Of the sample's file, which is text that people can read (`sample`)."""
    whole: ClassVar[bool] = False
    """Whether one file holds the rows of all tables."""
    single: ClassVar[bool] = False
    """Whether a file holds one record only."""
    named: ClassVar[bool] = False
    """Whether rows have names and may hold lists and objects (`Entry`), rather than cells (`Line`)."""
    exact_width: ClassVar[bool] = False
    """Whether a row with more cells than the heading is broken; a sheet may have remarks beside its table."""
    newest: Literal["", "first", "last"] = ""
    """Of sheets that each have a month, where the newest stands; it is read first, and what is older passed over."""
    header_rows: int = 1
    foot: tuple[str, ...] = FOOT

    def shares_a_file(self, other: Form) -> bool:
        """Whether a file of the one may be of the other as well, so that its rows tell which."""
        return self == other

    @abstractmethod
    def recognises(self, head: bytes, stream: BinaryIO) -> bool:
        """Whether a file that begins with `head` may be of this format; the stream is put back by the caller."""

    @abstractmethod
    def read(self, stream: BinaryIO) -> Iterator[Item]:
        """The rows of a seekable stream."""

    @abstractmethod
    def write(self, stream: BinaryIO, outgoing: Sequence[Outgoing]) -> None:
        """The rows, as this format has them."""

    @abstractmethod
    def holds(self, cell: Any) -> bool:
        """Whether the format can hold a cell and give it back."""

    def sample(self, sources: Mapping[str, bytes]) -> bytes:
        """An export made of sample sources by their names; unless `whole`, there is one."""
        (source,) = sources.values()
        return source


def nested(row: Mapping[str, Any]) -> dict[str, Any]:
    """A row whose names may be paths (`CG.MC`), as objects within objects."""
    tree: dict[str, Any] = {}
    for name, cell in row.items():
        if cell is None:
            continue
        *outer, last = name.split(".")
        at = tree
        for step in outer:
            at = at.setdefault(step, {})
        at[last] = cell
    return tree


def shown_name(name: str) -> str:
    """A name from the source that may be shown: printable, and cut where it is long."""
    text = "".join(character if character.isprintable() else "?" for character in name)
    return text if len(text) <= NAME_CHARACTERS else text[:NAME_CHARACTERS] + "…"
