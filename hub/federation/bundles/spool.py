"""Parts on their way into volumes: kept beside where the volumes will be, and made into files once all is known.

1. Parts are written down one by one as they come; what a bundle says of itself is known only at its end.
2. A part that would make a volume larger than it may be begins the next one.
3. What is written can be read by nobody but the owner: bodies of records lie open in it. A folder that was there before
   keeps its rights.
4. Volumes are made in a folder of their own and moved to their names together, when all of them are on the disk. What
   fails leaves nothing behind; at worst, where the process is killed, that folder, whose name begins with a dot.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from types import TracebackType
from typing import BinaryIO, Final, Self

from hub.errors import Code, Problem
from hub.federation.bundles.manifest import (
    FIXED_BYTES,
    LINE_BYTES,
    PART_BYTES,
    PARTS,
    VOLUMES,
    Manifest,
    Part,
)
from hub.federation.bundles.volume import MAGIC, SUFFIX
from hub.visible import visible
from keys.suite import SigningKey

LEAST_BYTES: Final = 32_000_000
"""The smallest volume that always has room for a manifest and the longest part."""
DVD_BYTES: Final = 4_400_000_000
COPIED_AT_ONCE: Final = 1024 * 1024


class Spool:
    """Takes parts in and makes volumes of them; to be used in a `with`, at whose end nothing but volumes is left.

    Arguments: the folder for the volumes, which is made where it is absent; how many bytes a volume may have.
    """

    def __init__(self, folder: Path, size: int = DVD_BYTES) -> None:
        self._folder = folder
        self._size = size
        self._volumes: list[list[Part]] = [[]]
        self._names: set[str] = set()
        self._line = FIXED_BYTES
        self._content = 0
        self._file: BinaryIO | None = None
        with _writing(folder):
            _make_folder(folder)
            self._place = Path(tempfile.mkdtemp(prefix=".bundle-", dir=folder))

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        _kind: type[BaseException] | None,
        _error: BaseException | None,
        _traceback: TracebackType | None,
    ) -> None:
        try:
            self._shut()
        finally:
            shutil.rmtree(self._place, ignore_errors=True)

    def add(self, name: str, content: bytes) -> None:
        """Take in a part.

        Raises: Problem `not-allowed` where it cannot be written (a full disk), `too-large`, `conflict` for a name that
        comes twice.
        """
        if not 1 <= len(content) <= PART_BYTES:
            raise Problem(Code.TOO_LARGE, f"a part of a bundle has 1 to {PART_BYTES} bytes")
        if name in self._names:
            raise Problem(Code.CONFLICT, f"the bundle has a part {name} already")
        part = Part(name, len(content), hashlib.sha256(content).hexdigest())
        if self._volumes[-1] and not self._has_room(part):
            self._next()
        with _writing(self._folder):
            self._open().write(content)
        self._line += part.line_bytes
        self._content += part.length
        self._names.add(name)
        self._volumes[-1].append(part)

    def finish(self, draft: Manifest, key: SigningKey) -> list[Path]:
        """Make the volumes and give them their names; where they are, in order.

        `draft` says all but `volume`, `volumes` and `parts`. Raises: Problem as `add`, `conflict` where a file of such
        a name is there.
        """
        self._shut()
        count = len(self._volumes)
        drafts = [
            self._written(
                replace(draft, volume=number, volumes=count, parts=tuple(self._volumes[number - 1])), key
            )
            for number in range(1, count + 1)
        ]
        targets = [
            self._folder / volume_name(replace(draft, volume=number, volumes=count))
            for number in range(1, count + 1)
        ]
        moved: list[Path] = []
        with _writing(self._folder):
            try:
                for made, target in zip(drafts, targets, strict=True):
                    if target.exists():
                        raise Problem(Code.CONFLICT, f"{visible(str(target))} is there already")
                    made.rename(target)
                    moved.append(target)
                _sync_folder(self._folder)
            except BaseException:
                for target in moved:
                    with suppress(OSError):
                        target.unlink()
                raise
        return targets

    # -- inside --------------------------------------------------------------------------------------

    def _has_room(self, part: Part) -> bool:
        line = self._line + part.line_bytes
        return (
            len(self._volumes[-1]) < PARTS
            and line <= LINE_BYTES
            and len(MAGIC) + line + self._content + part.length <= self._size
        )

    def _spooled(self, number: int) -> Path:
        return self._place / f"parts-{number}"

    def _open(self) -> BinaryIO:
        if self._file is None:
            self._file = _create(self._spooled(len(self._volumes)))
        return self._file

    def _shut(self) -> None:
        """Close what is open; what a full disk says now was lost to it."""
        file, self._file = self._file, None
        if file is not None:
            with _writing(self._folder):
                file.close()

    def _next(self) -> None:
        self._shut()
        if len(self._volumes) == VOLUMES:
            raise Problem(Code.TOO_LARGE, f"a bundle has at most {VOLUMES} volumes; make them larger")
        self._volumes.append([])
        self._line, self._content = FIXED_BYTES, 0

    def _written(self, manifest: Manifest, key: SigningKey) -> Path:
        """One volume, on the disk; its spooled parts are gone."""
        spooled, made = self._spooled(manifest.volume), self._place / f"volume-{manifest.volume}"
        line = manifest.sign(key).encode()
        with _writing(self._folder):
            with _create(made) as file:
                file.write(MAGIC + line + b"\n")
                if manifest.parts:
                    with spooled.open("rb") as parts:
                        shutil.copyfileobj(parts, file, COPIED_AT_ONCE)
                file.flush()
                os.fsync(file.fileno())
            spooled.unlink(missing_ok=True)
        return made


def volume_name(manifest: Manifest) -> str:
    """The file name of a volume: from whom, to whom, which bundle, which of its volumes."""
    made = manifest.made_at[:10].replace("-", "")
    return (
        f"{manifest.sender}-to-{manifest.recipient}-{made}-{manifest.bundle[:8]}"
        f"-{manifest.volume}of{manifest.volumes}{SUFFIX}"
    )


@contextmanager
def _writing(folder: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise Problem(
            Code.NOT_ALLOWED, f"volumes cannot be written to {visible(str(folder))}: {error.strerror}"
        ) from error


def _make_folder(folder: Path) -> None:
    for each in (*reversed(folder.parents), folder):
        if not each.exists():
            each.mkdir(mode=0o700, exist_ok=True)
    folder.mkdir(exist_ok=True)


def _create(path: Path) -> BinaryIO:
    return os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb")


def _sync_folder(folder: Path) -> None:
    held = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(held)
    finally:
        os.close(held)
