"""A bundle: all of its volumes, from wherever they lie.

1. Files come in any order and from any folders; the same volume twice is one.
2. Volumes of one bundle say the same of it, or it is refused: somebody's files were mixed up.
3. Nothing is taken from a bundle of which a volume is missing; which ones are is said by number.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path

from hub.errors import Code, Problem
from hub.federation.bundles.manifest import Manifest, Part
from hub.federation.bundles.volume import SUFFIX, Volume
from hub.visible import visible


class IncompleteError(Problem):
    """Volumes of a bundle are missing."""

    def __init__(self, manifest: Manifest, missing: Sequence[int]) -> None:
        said = ", ".join(runs(missing))
        super().__init__(
            Code.NOT_FOUND, f"of the bundle's {manifest.volumes} volumes these are missing: {said}"
        )
        self.missing = tuple(missing)
        self.volumes = manifest.volumes


class Bundle:
    """The volumes of one bundle, complete.

    Raises: IncompleteError; Problem `conflict` for volumes that are not of one bundle, or not all of it.
    """

    def __init__(self, volumes: Iterable[Volume]) -> None:
        held: dict[int, Volume] = {}
        for volume in volumes:
            first = held.setdefault(volume.manifest.volume, volume)
            if first.manifest != volume.manifest:
                raise Problem(
                    Code.CONFLICT,
                    f"{visible(first.path.name)} and {visible(volume.path.name)} are not the same",
                )
        self.volumes = [held[number] for number in sorted(held)]
        self.manifest = self.volumes[0].manifest
        if not all(volume.manifest.same_bundle(self.manifest) for volume in self.volumes):
            raise Problem(Code.CONFLICT, "volumes of this bundle do not say the same of it")
        missing = missing_of(self.manifest, held)
        if missing:
            raise IncompleteError(self.manifest, missing)
        self._where = {part.name: (volume, part) for volume in self.volumes for part in volume.manifest.parts}
        if len(self._where) < sum(len(volume.manifest.parts) for volume in self.volumes):
            raise Problem(Code.CONFLICT, "two volumes of this bundle have a part of one name")

    @property
    def length(self) -> int:
        """The bytes of all parts."""
        return sum(part.length for _, part in self._where.values())

    def parts(self) -> Iterator[Part]:
        """All parts, in their order."""
        for _, part in self._where.values():
            yield part

    def read(self, name: str) -> bytes:
        """The bytes of a part. Raises: Problem `not-found`, `bad-signature` where a file is damaged."""
        if name not in self._where:
            raise Problem(Code.NOT_FOUND, f"the bundle has no part {name}")
        volume, part = self._where[name]
        return volume.read(part)

    def check(self, told: Callable[[int, int], None] = lambda _done, _length: None) -> None:
        """Read every part once; told how many bytes were read, and are to be. Raises: Problem as `read`."""
        before = 0
        for volume in self.volumes:
            base = before
            volume.check(lambda done, base=base: told(base + done, self.length))  # type: ignore[misc]
            before += sum(part.length for part in volume.manifest.parts)


def missing_of(manifest: Manifest, held: Mapping[int, object] | Iterable[int]) -> list[int]:
    """The numbers of a bundle's volumes that are not held."""
    return sorted(set(range(1, manifest.volumes + 1)) - set(held))


def runs(numbers: Sequence[int]) -> list[str]:
    """Numbers in ascending order as people write them: three or more that follow each other are one run."""
    said: list[str] = []
    at = 0
    while at < len(numbers):
        end = at
        while end + 1 < len(numbers) and numbers[end + 1] == numbers[end] + 1:
            end += 1
        if end - at < 2:
            end = at
        said.append(str(numbers[at]) if end == at else f"{numbers[at]}\N{EN DASH}{numbers[end]}")
        at = end + 1
    return said


def files_of(paths: Iterable[Path]) -> list[Path]:
    """The files that are named, and those of folders that are named as volumes are; each once.

    Raises: Problem `not-found` for a folder that has none, or cannot be read.
    """
    found: dict[Path, Path] = {}
    for path in paths:
        files = [path]
        if path.is_dir():
            try:
                files = sorted(each for each in path.iterdir() if _is_volume(each))
            except OSError as error:
                raise Problem(
                    Code.NOT_FOUND, f"{visible(str(path))} cannot be read: {error.strerror}"
                ) from error
            if not files:
                raise Problem(
                    Code.NOT_FOUND, f"{visible(str(path))} holds no file whose name ends with {SUFFIX}"
                )
        for each in files:
            found.setdefault(each.resolve(), each)
    return list(found.values())


def _is_volume(path: Path) -> bool:
    return path.suffix == SUFFIX and not path.name.startswith(".") and path.is_file()
