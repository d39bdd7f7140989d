"""Rows of a database view. A session outside asks for them and hands them in (`translation.read_rows`).

As a file, to be looked at or sent as a sample, such rows are a list in JSON.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from adapters.drafts import Place
from adapters.formats.form import Entry, Form
from adapters.formats.json_list import JsonList


class SqlRows(JsonList):
    """`SqlRows("v_mediation")`, one for each view; `order` is a column to read by, so that rows keep their numbers."""

    def __init__(self, view: str, *, order: str = "") -> None:
        super().__init__()
        self.view = view
        self.order = order

    def entries(self, rows: Iterable[Mapping[str, Any]]) -> Iterator[Entry]:
        """The rows that a session gave."""
        for number, row in enumerate(rows, 1):
            yield Entry(Place(number), "", row)

    def shares_a_file(self, other: Form) -> bool:
        return isinstance(other, SqlRows)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, SqlRows) and (self.view, self.order) == (other.view, other.order)

    def __hash__(self) -> int:
        return hash((self.view, self.order))
