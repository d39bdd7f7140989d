"""The vocabulary that a city's file is written in. A data officer reads and edits these and nothing else.

A `Dialect` is a city with its tables. A `Table` says which kind of record its rows are, in which format they
come (`forms`), which column is the number that never changes, and what each `Column` holds. Where a column
goes is a path:

| path | goes to |
|---|---|
| `accepted_at` | a field of the body |
| `place/longitude` | a field of a part |
| `private/summary` | the part that travels sealed |
| `private/parties[role=applicant]/name` | in a list, the item whose role is applicant |
| `sessions[2]/at` | in a list, the second item |
| `partners[*]/city` | in a list, an item for each value in the cell (see `Each`) |
| `@sender`, `@id`, `@issued_at`, `@outcome`, `@note` | written only: whose a record is, and what became of ours |
| `@row` | written only: 序号, its row counted from 1 |

A path ends at a field of the schema; its converter follows from the field unless one is given. A column may
have several names at once (a tuple: date and time of day in two columns are read as one text) and several
paths at once (a converter that reads a pair, `LngLat`). Names of JSON and XML members may be paths, too:
`CG.MC`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, Literal, TypeAlias

from adapters.formats.form import Form
from adapters.values import City, Converter, Each

Names: TypeAlias = str | tuple[str, ...]

ENVELOPE: Final = ("@sender", "@id", "@issued_at", "@outcome", "@note", "@row")
"""What a column may hold of a record's way rather than of its contents; reading leaves them aside."""
FILE_COLUMN: Final = "@file"
SHEET_COLUMN: Final = "@sheet"
TITLE_COLUMN: Final = "@title"
MONTH_COLUMN: Final = "@month"
PSEUDO: Final = (FILE_COLUMN, SHEET_COLUMN, TITLE_COLUMN, MONTH_COLUMN)
"""Columns that every row of a grid has, and none on the way out: the file's and sheet's names, what stands above
the heading, and the month that these name (`OfMonth`)."""


@dataclass(frozen=True)
class Column:
    """A column by its name. `also` are names that it had before or elsewhere; they are read as it.

    `required` refuses a row where it says nothing, though the schema would not.
    """

    name: Names
    path: str | tuple[str, ...]
    converter: Converter | None = None
    also: tuple[str, ...] = ()
    required: bool = False


@dataclass(frozen=True)
class Items:
    """A member of JSON or XML that holds a list of objects: `Items("DSR", "private/parties", (Column(…), …))`.

    The paths of its columns begin in the item.
    """

    name: str
    path: str
    columns: tuple[Column, ...]


@dataclass(frozen=True)
class Recipients:
    """To which cities a row goes: those in a column, else `cities`. The city itself is left out."""

    column: str = ""
    cities: tuple[str, ...] = ()
    converter: Converter = field(default_factory=lambda: Each(City(counties=True)))


@dataclass(frozen=True)
class Subject:
    """The column with the local number (or record id) of what a row answers, and the system it is a number of."""

    column: str
    system: str = ""


@dataclass(frozen=True)
class Table:
    """One table of a city's exports.

    `number` is the column (or columns together) that names a row for ever. `constants` are values by path for
    what no column says, where nothing was read; in a list item they stand only beside something that was.
    `only` takes just the rows with one of those words in those columns, and passes over the others.
    `vanished` says what a row means that was there and is gone: nothing, or a withdrawal. `at` names the sheet,
    list or element that the rows are written to; `system`, `forms` are the dialect's unless given.
    """

    kind: str
    number: Names
    columns: tuple[Column | Items, ...]
    recipients: Recipients = Recipients()  # frozen
    subject: Subject | None = None
    constants: Mapping[str, Any] = field(default_factory=dict)
    only: Mapping[str, Sequence[str]] = field(default_factory=dict)
    vanished: Literal["keep", "withdraw"] = "keep"
    at: str = ""
    name: str = ""
    system: str = ""
    forms: tuple[Form, ...] = ()
    version: int = 1

    @property
    def title(self) -> str:
        """What it is called in reports, and in the hub's memory of what was sent."""
        return self.name or self.kind


@dataclass(frozen=True)
class Dialect:
    """A city, and its tables. Of a kind's tables the first is the one that is written, in its first form."""

    city: str
    name: str
    system: str
    tables: tuple[Table, ...]
    forms: tuple[Form, ...] = ()

    def forms_of(self, table: Table) -> tuple[Form, ...]:
        """The formats that a table comes in; the first is the one that it is written in."""
        return table.forms or self.forms

    def system_of(self, table: Table) -> str:
        """The system whose numbers a table's rows have."""
        return table.system or self.system

    def written(self, kind: str) -> Table | None:
        """The table that records of a kind are written to."""
        return next((table for table in self.tables if table.kind == kind), None)
