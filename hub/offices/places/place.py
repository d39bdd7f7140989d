"""A folder of files, here or on a server: an fsspec filesystem, and the path in it where the place is.

fsspec's own two filesystems follow links, move by copying, and take any host key; ours do not (`folder`, `sftp`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, BinaryIO, Final, Protocol
from urllib.parse import unquote, urlsplit

from hub.errors import Code, Problem
from hub.offices.places.entry import Entry
from hub.offices.places.folder import Folder
from hub.offices.places.refusal import refusals
from hub.offices.places.sftp import connect
from hub.offices.settings import Access

LOCAL: Final = "file"
SFTP: Final = "sftp"


class Files(Protocol):
    """What both filesystems have beside fsspec's interface. Raises what the system or the server raises."""

    @property
    def open(self) -> Callable[..., Any]:
        """fsspec's; in mode `rb` it opens regular files only, `xb` makes a file that is not there."""

    def is_folder(self, path: str) -> bool:
        """Whether a path is a folder, or a link to one."""

    def entries(self, folder: str) -> Iterator[Entry]:
        """What is in a folder, in no order. Names are relative to it."""

    def facts(self, path: str) -> Entry:
        """What a path is now, not followed if it is a link."""

    def facts_of(self, file: BinaryIO) -> Entry:
        """The same of an open file."""

    def settle(self, file: BinaryIO) -> None:
        """See to it that what was written outlives a loss of power, as far as the place lets us."""

    def replace(self, old: str, new: str) -> None:
        """Give a file another name in its folder, in the place of whatever file had that."""

    def remove(self, path: str) -> None:
        """Take a file away."""

    def close(self) -> None:
        """Let go of the server."""


@dataclass(frozen=True, slots=True)
class Place:
    """An open place; close it."""

    files: Files
    root: str

    def path(self, name: str) -> str:
        """The path of a name in the place's folder."""
        return f"{self.root.rstrip('/')}/{name}"


def open_place(access: Access, who: str, environment: Mapping[str, str]) -> Place:
    """Enter a folder (`file://`) or an SFTP server (`sftp://user@host/path`, `/~/path` from the user's home).

    Raises: Problem `not-found` for a folder that is not there, `not-allowed`, `busy`, `invalid`.
    """
    try:
        parts = urlsplit(access.url)
        path = unquote(parts.path, errors="strict")
    except ValueError as error:
        raise Problem(Code.INVALID, f"{who}: url cannot be read") from error
    if "\0" in path or parts.query or parts.fragment:
        raise Problem(Code.INVALID, f"{who}: url must end with a folder's path (%3F is ?, %23 is #)")
    if parts.scheme == LOCAL and parts.hostname in (None, "localhost"):
        files: Files = Folder(path or "/", skip_instance_cache=True)
        root = path or "/"
    elif parts.scheme == SFTP:
        server = connect(access, who, environment)
        files, root = server, path
        with refusals(who):
            root = server.resolved(path or "/")
    else:
        raise Problem(Code.INVALID, f"{who}: url is neither a folder nor sftp://user@host/path")
    try:
        with refusals(who):
            if not files.is_folder(root):
                raise Problem(Code.INVALID, f"{who}: url is no folder; name one, and its files by a pattern")
    except Problem:
        files.close()
        raise
    return Place(files, root)
