"""What a place says of one name in a folder."""

from __future__ import annotations

import stat
from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True)
class Entry:
    """A file, a folder, or something that is neither (a link, a pipe, a device), never followed.

    `name` is for people and for patterns, relative to the place; `path` is what the filesystem takes. `size` is
    in bytes, `changed` in nanoseconds since 1970.
    """

    name: str
    path: str
    kind: Literal["file", "folder", "other"]
    size: int
    changed: int

    @property
    def stamp(self) -> str:
        """Differs when the file was changed."""
        return f"{self.size}-{self.changed}"


def kind_of(mode: int) -> Literal["file", "folder", "other"]:
    """What the mode of an `lstat` says."""
    if stat.S_ISREG(mode):
        return "file"
    return "folder" if stat.S_ISDIR(mode) else "other"
