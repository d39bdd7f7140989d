"""How far a recipient has got with a node: a small file that survives a kill at any instant."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Protocol

import orjson

from hub.errors import Code, Problem
from schemas import strict_json


class Bookmark(Protocol):
    """What a client keeps its place in: the last index, and the last number of each city's stream."""

    after: int
    numbers: dict[str, int]

    def move(self, after: int, numbers: Mapping[str, int]) -> None:
        """Remember this place."""


class Cursor:
    """How far a recipient has got, in a file: the last index, and the last number of each city's stream.

    With `node`, the place is in that node's log, and the file says so. Raises: Problem `malformed`; `conflict` where
    the file is of another node, so that its place means nothing in this one's log.
    """

    def __init__(self, path: Path, node: str | None = None) -> None:
        self._path = path
        self._node = node
        self.after, self.numbers = -1, dict[str, int]()
        if path.exists():
            try:
                held = strict_json.loads(path.read_bytes())
                self.after, self.numbers = int(held["after"]), dict(held["numbers"])
                other = held.get("node")
            except (Problem, KeyError, TypeError, ValueError) as error:
                raise Problem(
                    Code.MALFORMED, f"{path} is not a cursor; without it all comes again"
                ) from error
            if node is not None and other not in (None, node):
                raise Problem(Code.CONFLICT, f"{path} is a cursor in the log of {other}, not of {node}")

    def move(self, after: int, numbers: Mapping[str, int]) -> None:
        """Remember this place; the file is replaced as a whole, so that a kill leaves the old or the new."""
        self.after = after
        self.numbers.update(numbers)
        written = self._path.with_suffix(self._path.suffix + ".new")
        with written.open("wb") as file:
            where = {} if self._node is None else {"node": self._node}
            file.write(orjson.dumps({"after": self.after, "numbers": self.numbers, **where}))
            file.flush()
            os.fsync(file.fileno())
        written.replace(self._path)


def cursor_at(path: Path, node: str) -> Path:
    """The file that has a cursor in a node's log: `path`, or one beside it where that is of another node."""
    try:
        Cursor(path, node)
    except Problem as problem:
        if problem.code is Code.CONFLICT:
            return path.with_name(f"{path.stem}-{node}{path.suffix}")
    return path


class Passing:
    """A place in the log that is kept nowhere: it begins at the log's beginning, or where it is told to."""

    def __init__(self, after: int = -1, numbers: Mapping[str, int] | None = None) -> None:
        self.after = after
        self.numbers = dict(numbers or {})

    def move(self, after: int, numbers: Mapping[str, int]) -> None:
        """Remember this place, as long as this lives."""
        self.after = after
        self.numbers.update(numbers)
