"""What a sink takes: files under a name, or rows for a table. Doing it again changes nothing."""

from __future__ import annotations

import re
from types import TracebackType
from typing import BinaryIO, Final, Protocol, Self

from hub.errors import Code, Problem

NAME_BYTES: Final = 200
_FORBIDDEN: Final = re.compile(r'[/\\:*?"<>|\x00-\x1f\x7f-\x9f\ud800-\udfff]')
"""Separators, and what Windows, where a city may look at its files, takes in no name."""


class Sink(Protocol):
    """A place that arrivals are written to. A context manager that closes it."""

    name: str

    def put(self, name: str, content: BinaryIO) -> None:
        """Write a file, from its beginning; one that has this name is replaced, at once and as a whole.

        Raises: Problem `invalid` for a name that is none, `busy`, `not-allowed`, `not-found`, `too-large`. Under
        the name there then is what was there before, unless an HTTP server does otherwise.
        """

    def close(self) -> None:
        """Let go of the place."""

    def __enter__(self) -> Self: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...


def check_name(who: str, name: str) -> None:
    """Raises: Problem `invalid` for a name that is hidden, leads elsewhere, or fits no filesystem."""
    if not name or name.startswith(".") or name != name.strip() or _FORBIDDEN.search(name):
        raise Problem(
            Code.INVALID, f"{who}: a file's name is a plain one, with no folder and no dot before it"
        )
    if len(name.encode()) > NAME_BYTES:
        raise Problem(Code.INVALID, f"{who}: a file's name has at most {NAME_BYTES} bytes")
