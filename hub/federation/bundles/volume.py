"""A volume: one file of a bundle (wire contract, section 6, carried bundles).

    exchange-bundle/v1\\n
    <manifest, a compact JWS>\\n
    <part><part>…

1. The first line names the form, the second is the manifest; its parts follow in its order, one after another, with
   nothing between them and nothing behind: their lengths add up to the file's.
2. What the manifest says is used only once it is verified (`Volume`); a part, only once its digest is the one there.
3. Only a regular file is read: a pipe would have the reader wait, and a device might never end.
4. One part is in memory at a time, and what is compressed is unpacked only up to a bound.
"""

from __future__ import annotations

import gzip
import hashlib
import os
import stat
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from itertools import accumulate
from pathlib import Path
from typing import BinaryIO, Final

from hub.errors import Code, Problem
from hub.federation.bundles import manifest as manifests
from hub.federation.bundles.manifest import LINE_BYTES, PART_BYTES, Manifest, Part, SignedManifest
from hub.visible import visible
from keys.trust_list import Trust

MAGIC: Final = b"exchange-bundle/v1\n"
SUFFIX: Final = ".bundle"
COMPRESSION: Final = 6


@dataclass(frozen=True, slots=True)
class SignedVolume:
    """A volume in good form whose manifest nobody has verified: what it says, anybody may have written."""

    path: Path
    signed: SignedManifest
    start: int

    @property
    def said(self) -> Manifest:
        """What the manifest says."""
        return self.signed.manifest

    def verify(self, trust: Trust, now: datetime) -> Volume:
        """The volume, once its manifest holds. Raises: Problem as `SignedManifest.verify`."""
        return Volume(self.path, self.signed.verify(trust, now), self.start)

    @property
    def parts(self) -> Parts:
        """What lies behind the manifest: to be looked at, not to be used."""
        return Parts(self.path, self.said, self.start)


class Parts:
    """The parts of a file, each held against the digest that the manifest has of it, whoever wrote that."""

    def __init__(self, path: Path, manifest: Manifest, start: int) -> None:
        self.path = path
        self.manifest = manifest
        ends = accumulate((part.length for part in manifest.parts), initial=start)
        self._starts = {part.name: at for part, at in zip(manifest.parts, ends, strict=False)}

    def read(self, part: Part) -> bytes:
        """The bytes of a part. Raises: Problem `bad-signature` where the file is damaged, `not-found`."""
        with _reading(self.path) as file:
            file.seek(self._starts[part.name])
            return self._checked(part, file)

    def check(self, told: Callable[[int], None] = lambda _bytes: None) -> None:
        """Read every part once; told after each how many bytes were read. Raises: Problem as `read`."""
        done = 0
        with _reading(self.path) as file:
            for part in self.manifest.parts:
                file.seek(self._starts[part.name])
                done += len(self._checked(part, file))
                told(done)

    def _checked(self, part: Part, file: BinaryIO) -> bytes:
        content = file.read(part.length)
        if hashlib.sha256(content).hexdigest() != part.digest:
            raise Problem(
                Code.BAD_SIGNATURE,
                f"{visible(self.path.name)} is damaged: its part {part.name} is not what was signed",
            )
        return content


class Volume(Parts):
    """A volume whose manifest is verified; `SignedVolume.verify` makes it."""


def open_volume(path: Path) -> SignedVolume:
    """Read a volume's first two lines.

    Raises: Problem `not-found`, `malformed` for what is no volume or was cut off, `too-large`.
    """
    with _reading(path) as file:
        if file.read(len(MAGIC)) != MAGIC:
            raise Problem(Code.MALFORMED, f"{visible(path.name)} is no volume of a bundle")
        line = file.readline(LINE_BYTES + 1)
        if not line.endswith(b"\n"):
            code = Code.TOO_LARGE if len(line) > LINE_BYTES else Code.MALFORMED
            raise Problem(code, f"{visible(path.name)}: its manifest does not come to its end")
        signed, start = manifests.read(line[:-1]), file.tell()
        length = file.seek(0, 2)
    wanted = start + sum(part.length for part in signed.manifest.parts)
    if length != wanted:
        raise Problem(
            Code.MALFORMED, f"{visible(path.name)} has {length} bytes and should have {wanted}: copy it again"
        )
    return SignedVolume(path, signed, start)


def pack(content: bytes) -> bytes:
    """What is compressed into a part."""
    return gzip.compress(content, COMPRESSION, mtime=0)


def unpack(part: bytes) -> bytes:
    """The inverse, of at most `PART_BYTES`. Raises: Problem `malformed`, `too-large`."""
    reader = zlib.decompressobj(wbits=31)
    try:
        content = reader.decompress(part, PART_BYTES + 1)
    except zlib.error:
        raise Problem(Code.MALFORMED, "a part of the bundle is not gzip") from None
    if len(content) > PART_BYTES:
        raise Problem(Code.TOO_LARGE, "a part of the bundle is longer than any may be")
    if not reader.eof or reader.unused_data:
        raise Problem(Code.MALFORMED, "a part of the bundle is cut short or has something behind it")
    return content


@contextmanager
def _reading(path: Path) -> Iterator[BinaryIO]:
    try:
        # A pipe that nobody writes to is opened at once, and refused.
        with os.fdopen(os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC), "rb") as file:
            if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
                raise Problem(
                    Code.MALFORMED, f"{visible(path.name)} is no volume of a bundle: it is no regular file"
                )
            yield file
    except FileNotFoundError:
        raise Problem(Code.NOT_FOUND, f"{visible(str(path))}: there is no such file") from None
    except OSError as error:
        raise Problem(Code.NOT_FOUND, f"{visible(str(path))} cannot be read: {error.strerror}") from error
