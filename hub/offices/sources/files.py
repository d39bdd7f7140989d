"""Files in a folder, here or on an SFTP server, by a pattern.

1. The pattern is for names beneath the folder: `*`, `?`, `[…]` within one name, `**/` for folders of any depth.
   Small and capital letters are the same, for systems write .csv and .CSV.
2. Not taken: hidden files, lock files of office programs, downloads under way, and whatever is neither a file
   nor a folder. No link is followed.
3. A file that was changed less than `settle` seconds ago waits for another run: it may still be written.
4. A file is taken only if size and time of change are the same in the list, when it is opened and after all of
   it was copied; else it was written meanwhile, and is `busy`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import BinaryIO, Final

import structlog
from fsspec.utils import glob_translate

from adapters.limits import UNPACKED_BYTES
from hub.errors import Code, Problem
from hub.offices.places import Entry, Place
from hub.offices.places.closing import Closing
from hub.offices.places.refusal import refusals
from hub.offices.settings import SourceSettings
from hub.offices.sources.source import Content, Unit, temporary_copy

logger = structlog.get_logger(__name__)

FILE_BYTES: Final = UNPACKED_BYTES
ENTRIES: Final = 100_000
"""Names in the folder and those beneath it, taken or not."""
DEPTH: Final = 16
AHEAD_SECONDS: Final = 300
"""By how much the clock of a file's machine may be ahead of ours, as clocks are."""
_COPY_BYTES: Final = 256 * 1024
_UNDER_WAY: Final = (".part", ".partial", ".tmp", ".filepart", ".crdownload", ".download")
_CONTROL: Final = re.compile(r"[\x00-\x1f\x7f-\x9f]")
_NANOSECONDS: Final = 10**9


class FileSource(Closing):
    """The files of one source (`Source`)."""

    def __init__(
        self, settings: SourceSettings, place: Place, now: Callable[[], datetime], scratch: Path
    ) -> None:
        """Takes `place` over, and closes it. Raises: Problem `invalid` for a pattern that leads elsewhere."""
        self.name = settings.access.name
        self._who = f"source {self.name}"
        self._files = place.files
        self._root = place.root
        self._settle = settings.settle_seconds
        self._now = now
        self._scratch = scratch
        try:
            self._pattern = _Pattern(settings.files)
        except ValueError as error:
            place.files.close()
            raise Problem(
                Code.INVALID,
                f"{self._who}: files must be a pattern for names beneath url, such as *.csv or **/*.xlsx",
            ) from error

    def units(self) -> Iterator[Unit]:
        now = self._now().timestamp()
        with refusals(self._who):
            beneath = list(self._beneath())
        found = [entry for entry in beneath if entry.kind == "file" and self._pattern.takes(entry.name)]
        ready = [entry for entry in found if not self._is_young(now - entry.changed / _NANOSECONDS)]
        young, neither = len(found) - len(ready), sum(entry.kind == "other" for entry in beneath)
        if young or neither:
            logger.info("source.left", source=self.name, young=young, neither_file_nor_folder=neither)
        for entry in sorted(ready, key=lambda entry: (entry.changed, entry.name)):
            yield Unit(entry.name, entry.stamp, partial(self._parts, entry, now))

    def close(self) -> None:
        self._files.close()

    def _beneath(self) -> Iterator[Entry]:
        """All entries that the pattern might take, and the folders on the way to them."""
        seen = 0
        folders = [("", self._root)]
        while folders:
            above, path = folders.pop()
            for entry in self._listed(path):
                seen += 1
                if seen > ENTRIES:
                    raise Problem(
                        Code.TOO_LARGE,
                        f"{self._who}: more than {ENTRIES} names are in the folder; let the city move old files away",
                    )
                if _is_passed_over(entry.name):
                    continue
                inner = replace(entry, name=above + entry.name)
                if inner.kind == "folder" and self._pattern.descends(inner.name):
                    folders.append((f"{inner.name}/", inner.path))
                yield inner

    def _listed(self, path: str) -> Iterator[Entry]:
        try:
            yield from self._files.entries(path)
        except FileNotFoundError:
            if path == self._root:
                raise
            # A folder inside was taken away since it was listed: so are its files.

    def _is_young(self, age: float) -> bool:
        return bool(self._settle) and -AHEAD_SECONDS <= age < self._settle

    def _parts(self, entry: Entry, now: float) -> Iterator[Content]:
        if entry.changed / _NANOSECONDS > now + AHEAD_SECONDS:
            raise Problem(
                Code.BUSY,
                f"{self._who}: a file was changed in the future; set the clock of the machine that writes it",
            )
        with temporary_copy(self._scratch) as copy:
            with refusals(self._who):
                try:
                    self._copy(entry, copy)
                except FileNotFoundError as error:
                    raise Problem(
                        Code.NOT_FOUND, f"{self._who}: a file was renamed or removed before it was read"
                    ) from error
            copy.seek(0)
            yield copy

    def _copy(self, entry: Entry, into: BinaryIO) -> None:
        if entry.size > FILE_BYTES:
            raise self._too_large()
        self._compare(entry, self._files.facts(entry.path))
        copied = 0
        with self._files.open(entry.path, "rb") as file:
            self._compare(entry, self._files.facts_of(file))
            while part := file.read(_COPY_BYTES):
                copied += len(part)
                if copied > FILE_BYTES:
                    raise self._too_large()
                into.write(part)
            self._compare(entry, self._files.facts_of(file))
        self._compare(entry, self._files.facts(entry.path))
        if copied != entry.size:
            raise self._changed()

    def _compare(self, entry: Entry, facts: Entry) -> None:
        if facts.kind != "file" or facts.stamp != entry.stamp:
            raise self._changed()

    def _changed(self) -> Problem:
        return Problem(Code.BUSY, f"{self._who}: a file was changed while it was read; the next run takes it")

    def _too_large(self) -> Problem:
        return Problem(Code.TOO_LARGE, f"{self._who}: a file has more than {FILE_BYTES} bytes; split it")


def _is_passed_over(name: str) -> bool:
    return (
        name.startswith((".", "~$")) or name.lower().endswith(_UNDER_WAY) or _CONTROL.search(name) is not None
    )


class _Pattern:
    """A pattern for names beneath a folder. Raises: ValueError if it leads out of it."""

    def __init__(self, pattern: str) -> None:
        parts = pattern.split("/")
        if any(part in ("", ".", "..") for part in parts) or any(
            "**" in part and part != "**" for part in parts
        ):
            raise ValueError(pattern)
        self._whole = re.compile(glob_translate(pattern), re.IGNORECASE)
        self._folders = [
            None if part == "**" else re.compile(glob_translate(part), re.IGNORECASE) for part in parts[:-1]
        ]

    def takes(self, name: str) -> bool:
        return self._whole.match(name) is not None

    def descends(self, folder: str) -> bool:
        """Whether something in a folder beneath might be taken."""
        names = folder.split("/")
        for name, wanted in zip(names, self._folders, strict=False):
            if wanted is None:
                return len(names) <= DEPTH
            if wanted.match(name) is None:
                return False
        return len(names) <= len(self._folders)
