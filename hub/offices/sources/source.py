"""What a source gives: units of content, each read in a stream of parts.

1. Nothing is written, moved or deleted where a source reads.
2. A file's or page's bytes are a copy: a nameless temporary file, gone when the next part is asked for, when the
   generator is closed, or when the process ends.
3. A unit is whole or raises: only once `parts()` is exhausted is it known that nothing was missing.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, BinaryIO, Final, Protocol, Self, TypeAlias, cast

Content: TypeAlias = BinaryIO | Iterable[Mapping[str, Any]]
"""A seekable copy of a file or page, at its beginning; or the rows of a view, each by column."""

IN_MEMORY_BYTES: Final = 1024**2
"""A copy that is larger goes to the disk."""


@dataclass(frozen=True, slots=True)
class Unit:
    """Something to be read as a whole: a file, a list, a view.

    `name` is a file's name (beneath the source's folder), a view's name, or the source's own. `stamp` differs when
    the content was changed; it is empty where nothing says so. `parts` opens it, and can be called again; it
    raises Problem `busy`, `not-found`, `not-allowed`, `too-large` or `invalid`, for this unit alone.
    """

    name: str
    stamp: str
    parts: Callable[[], Iterator[Content]]


class Source(Protocol):
    """A place that exports are taken from. A context manager that closes it."""

    name: str

    def units(self) -> Iterator[Unit]:
        """What there is now, oldest first, then by name.

        Raises: Problem as `Unit.parts`, when the place itself cannot be read.
        """

    def close(self) -> None:
        """Let go of the place."""

    def __enter__(self) -> Self: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...


@contextmanager
def temporary_copy(scratch: Path) -> Iterator[BinaryIO]:
    """An empty file that nobody else can open, in memory at first, then nameless in `scratch`."""
    with tempfile.SpooledTemporaryFile(IN_MEMORY_BYTES, dir=str(scratch)) as file:
        yield cast(BinaryIO, file)
