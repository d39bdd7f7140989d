"""A folder on this machine, in which no link is followed: files are opened beneath it, part for part.

The folder itself may be a link: whoever wrote the settings named it.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import Any, BinaryIO, Final, cast

from fsspec.implementations.local import LocalFileSystem

from hub.offices.places.entry import Entry, kind_of

_FOLDER: Final = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC
_FLAGS: Final = {
    # Not blocking: were a pipe put into the file's place this moment, opening it would wait for ever.
    "rb": os.O_RDONLY | os.O_NONBLOCK,
    "xb": os.O_WRONLY | os.O_CREAT | os.O_EXCL,
}
_MODE: Final = 0o640
"""Of files that are made: the office's group may read them."""


class Folder(LocalFileSystem):  # type: ignore[misc]
    """fsspec's local filesystem, made strict (`Files`)."""

    protocol = "hub-folder"
    cachable = False

    def __init__(self, root: str, **options: Any) -> None:
        super().__init__(**options)
        self.root = PurePosixPath(root)

    def is_folder(self, path: str) -> bool:
        return stat.S_ISDIR(Path(path).stat().st_mode)

    def entries(self, folder: str) -> Iterator[Entry]:
        descriptor = self._beneath(folder, _FOLDER)
        try:
            with os.scandir(descriptor) as found:
                for each in found:
                    try:
                        status = each.stat(follow_symlinks=False)
                    except FileNotFoundError:
                        continue
                    yield _entry(_readable(each.name), f"{folder.rstrip('/')}/{each.name}", status)
        finally:
            os.close(descriptor)

    def facts(self, path: str) -> Entry:
        return _entry(path, path, os.lstat(path))

    def facts_of(self, file: BinaryIO) -> Entry:
        return _entry("", "", os.fstat(file.fileno()))

    def settle(self, file: BinaryIO) -> None:
        file.flush()
        os.fsync(file.fileno())

    def replace(self, old: str, new: str) -> None:
        Path(old).replace(new)
        descriptor = os.open(Path(new).parent, _FOLDER)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)

    def remove(self, path: str) -> None:
        Path(path).unlink()

    def close(self) -> None:
        """Nothing is held."""

    def _open(self, path: str, mode: str = "rb", **_: Any) -> BinaryIO:
        descriptor = self._beneath(path, _FLAGS[mode])
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            os.close(descriptor)
            raise IsADirectoryError(path)
        return cast(BinaryIO, os.fdopen(descriptor, mode))

    def _beneath(self, path: str, flags: int) -> int:
        """A descriptor of a path; a link in the place of any of its parts is refused."""
        parts = PurePosixPath(path).relative_to(self.root).parts
        descriptor = os.open(self.root, _FOLDER)
        if not parts:
            return descriptor
        try:
            for part in parts[:-1]:
                inner = os.open(part, _FOLDER | os.O_NOFOLLOW, dir_fd=descriptor)
                os.close(descriptor)
                descriptor = inner
            return os.open(parts[-1], flags | os.O_NOFOLLOW | os.O_CLOEXEC, _MODE, dir_fd=descriptor)
        finally:
            os.close(descriptor)


def _entry(name: str, path: str, status: os.stat_result) -> Entry:
    return Entry(name, path, kind_of(status.st_mode), status.st_size, status.st_mtime_ns)


def _readable(name: str) -> str:
    """A file's name as text: UTF-8, else GB18030 as older systems write it, else with escapes."""
    raw = os.fsencode(name)
    for encoding in ("utf-8", "gb18030"):
        try:
            return raw.decode(encoding)
        except UnicodeDecodeError:
            continue
    return raw.decode("ascii", "backslashreplace")
