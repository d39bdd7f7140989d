"""How what the cities signed comes into force: with snapshot and timestamp, in the order that readers need.

1. Nothing is written unless every role has the signatures that its threshold asks for (a new root those of the
   old root's signers and of its own), follows the version that is in force, and has not expired.
2. Targets first, then the snapshot that names them, the new root, and last the timestamp: until that is replaced,
   in one step, readers see what was in force before.
3. What is in force already is not published again; what was broken off is taken up where it was.

Times and keys are handed in; every refusal is a `Problem`.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

from tuf.api.metadata import (  # type: ignore[attr-defined]  # re-exported without saying so
    Metadata,
    MetaFile,
    Root,
    Snapshot,
    Targets,
    Timestamp,
)

from hub.errors import Code, Problem
from keys.role_files import (
    Standing,
    add_role_signature,
    check_contents,
    check_operator,
    encode_role,
    held_targets,
    held_version,
    listed_contents,
    newest_root,
    published_contents,
    read_bounded,
    read_root,
    read_snapshot,
    read_targets,
    read_timestamp,
    standing_of,
    versions,
    write_file,
)
from keys.suite import SigningKey
from keys.trust_list import Target
from keys.trust_repository import METADATA_BYTES, TARGETS_FOLDER

ROOT_DRAFT: Final = "root.json"
TARGETS_DRAFT: Final = "targets.json"


@dataclass(frozen=True, slots=True)
class Expiries:
    """How long each role's signature holds: the more people it takes, the longer."""

    root: timedelta = timedelta(days=365)
    targets: timedelta = timedelta(days=180)
    snapshot: timedelta = timedelta(days=30)
    timestamp: timedelta = timedelta(days=7)


def expiry(now: datetime, after: timedelta) -> datetime:
    """When a role that is made now ends, as TUF writes it."""
    return (now + after).astimezone(UTC)


def standing(staging: Path, repository: Path | None = None) -> tuple[Standing, ...]:
    """Which signatures the drafted roles have. A new root counts twice: by the old root and by itself."""
    held = None if repository is None else newest_root(repository).signed
    drafted = read_root(staging / ROOT_DRAFT) if (staging / ROOT_DRAFT).exists() else None
    targets = read_targets(staging / TARGETS_DRAFT) if (staging / TARGETS_DRAFT).exists() else None
    return standings(held, drafted, targets)


def standings(
    held: Root | None, drafted: Metadata[Root] | None, targets: Metadata[Targets] | None
) -> tuple[Standing, ...]:
    """The same of what was read. Raises `Problem` NOT_FOUND for targets that no root judges."""
    judge = held if drafted is None else drafted.signed
    found: list[Standing] = []
    if drafted is not None:
        found += [standing_of(root, Root.type, drafted) for root in (held, judge) if root is not None]
    if targets is not None:
        if judge is None:
            raise Problem(Code.NOT_FOUND, "there is no root to judge the drafted targets by")
        found.append(standing_of(judge, Targets.type, targets))
    return tuple(found)


def publish(
    repository: Path,
    staging: Path,
    *,
    snapshot_key: SigningKey,
    timestamp_key: SigningKey,
    now: datetime,
    expiries: Expiries | None = None,
) -> tuple[Target, Target]:
    """Take what was drafted and signed into the repository, with a new snapshot and timestamp.

    Publishing the same draft again changes nothing. Raises `Problem`: BAD_SIGNATURE when a threshold is not met;
    CONFLICT when a draft does not follow what the repository holds; STALE for what has expired; NOT_ALLOWED for an
    operator's key that the root does not name; INVALID for target files that a node would refuse. Then nothing
    has changed.
    """
    held = newest_root(repository) if versions(repository, Root.type) else None
    for role in standing(staging, None if held is None else repository):
        require(role)
    root, root_file = held, dict[str, bytes]()
    if (staging / ROOT_DRAFT).exists():
        root = read_root(staging / ROOT_DRAFT)
        if held is None or encode_role(held) != encode_role(root):
            _check_follows(root.signed.version, 0 if held is None else held.signed.version, Root.type)
            root_file = {f"{root.signed.version}.root.json": encode_role(root)}
    if root is None:
        raise Problem(Code.NOT_FOUND, "a new repository begins with a root; none was drafted")
    check_operator(root.signed, Snapshot.type, snapshot_key)
    check_operator(root.signed, Timestamp.type, timestamp_key)
    files: dict[str, bytes] = {}
    if (staging / TARGETS_DRAFT).exists():
        targets = read_targets(staging / TARGETS_DRAFT)
        version = held_version(repository)
        if version == 0 or encode_role(held_targets(repository)) != encode_role(targets):
            _check_follows(targets.signed.version, version, Targets.type)
        contents = listed_contents(targets.signed, staging)
        for file, content in contents.items():
            files[f"{TARGETS_FOLDER}/{hashlib.sha256(content).hexdigest()}.{file}"] = content
        files[f"{targets.signed.version}.targets.json"] = encode_role(targets)
    else:
        targets = held_targets(repository)
        require(standing_of(root.signed, Targets.type, targets))
        contents = published_contents(targets.signed, repository)
    for signed in (root.signed, targets.signed):
        check_expiry(signed, now)
    in_force = check_contents(contents)
    if not root_file and _announced_already(repository, root.signed, targets, now):
        return in_force
    for file, content in files.items():
        write_file(repository / file, content)
    snapshot = _write_snapshot(repository, targets.signed.version, snapshot_key, now, expiries)
    for file, content in root_file.items():
        write_file(repository / file, content)
    _write_timestamp(repository, snapshot, timestamp_key, now, expiries)
    return in_force


def in_force_already(repository: Path, staging: Path, now: datetime) -> bool:
    """Whether readers of the repository see all of a draft. Raises `Problem` for files that cannot be read."""
    if not versions(repository, Root.type):
        return False
    root = newest_root(repository)
    if (staging / ROOT_DRAFT).exists() and encode_role(read_root(staging / ROOT_DRAFT)) != encode_role(root):
        return False
    if not (repository / "timestamp.json").exists():
        return False
    targets = held_targets(repository)
    if (staging / TARGETS_DRAFT).exists() and encode_role(
        read_targets(staging / TARGETS_DRAFT)
    ) != encode_role(targets):
        return False
    return standing_of(root.signed, Targets.type, targets).met and _announced_already(
        repository, root.signed, targets, now
    )


def refresh(
    repository: Path,
    *,
    snapshot_key: SigningKey,
    timestamp_key: SigningKey,
    now: datetime,
    expiries: Expiries | None = None,
) -> None:
    """Renew snapshot and timestamp over unchanged targets, once more checked.

    Raises `Problem`: NOT_ALLOWED for keys that the root does not name, BAD_SIGNATURE for targets that are not
    those that were signed.
    """
    root = newest_root(repository).signed
    check_operator(root, Snapshot.type, snapshot_key)
    check_operator(root, Timestamp.type, timestamp_key)
    targets = held_targets(repository)
    require(standing_of(root, Targets.type, targets))
    check_contents(published_contents(targets.signed, repository))
    snapshot = _write_snapshot(repository, targets.signed.version, snapshot_key, now, expiries)
    _write_timestamp(repository, snapshot, timestamp_key, now, expiries)


def refresh_timestamp(
    repository: Path, timestamp_key: SigningKey, now: datetime, expiries: Expiries | None = None
) -> None:
    """Renew the timestamp over the snapshot that it names. Raises `Problem` NOT_ALLOWED for another key."""
    check_operator(newest_root(repository).signed, Timestamp.type, timestamp_key)
    snapshot = held_version(repository, Snapshot.type)
    _write_timestamp(repository, snapshot, timestamp_key, now, expiries)


def require(role: Standing) -> None:
    """Raises `Problem` BAD_SIGNATURE for a role below its threshold."""
    if not role.met:
        raise Problem(
            Code.BAD_SIGNATURE,
            f"role {role.role} has {len(role.signed)} of {role.threshold} signatures that root version "
            f"{role.judge} asks for; nothing is published",
        )


def check_expiry(signed: Root | Targets, now: datetime) -> None:
    """Raises `Problem` STALE for a role that nobody would believe any more."""
    if signed.expires.replace(tzinfo=UTC) <= now:
        raise Problem(
            Code.STALE, f"the {signed.type} of version {signed.version} has expired; it is to be signed anew"
        )


def _announced_already(repository: Path, root: Root, targets: Metadata[Targets], now: datetime) -> bool:
    """Whether snapshot and timestamp announce these targets, as that root's operators sign."""
    if not (repository / "timestamp.json").exists() or held_version(repository) != targets.signed.version:
        return False
    timestamp = read_timestamp(repository)
    snapshot = read_snapshot(repository, timestamp.signed.snapshot_meta.version)
    roles: tuple[tuple[str, Metadata[Timestamp] | Metadata[Snapshot]], ...] = (
        (Timestamp.type, timestamp),
        (Snapshot.type, snapshot),
    )
    return encode_role(held_targets(repository)) == encode_role(targets) and all(
        standing_of(root, name, role).met and role.signed.expires.replace(tzinfo=UTC) > now
        for name, role in roles
    )


def _write_snapshot(
    repository: Path, targets: int, key: SigningKey, now: datetime, expiries: Expiries | None
) -> int:
    """Announce the targets of that version; the new snapshot's version."""
    version = max(versions(repository, Snapshot.type), default=0) + 1
    snapshot = Metadata(
        Snapshot(
            version=version,
            expires=expiry(now, (expiries or Expiries()).snapshot),
            meta={"targets.json": _announced(repository / f"{targets}.targets.json", targets)},
        )
    )
    add_role_signature(snapshot, key)
    write_file(repository / f"{version}.snapshot.json", encode_role(snapshot))
    return version


def _write_timestamp(
    repository: Path, snapshot: int, key: SigningKey, now: datetime, expiries: Expiries | None
) -> None:
    """Announce the snapshot of that version; with this the change is seen."""
    timestamp = Metadata(
        Timestamp(
            version=held_version(repository, Timestamp.type) + 1,
            expires=expiry(now, (expiries or Expiries()).timestamp),
            snapshot_meta=_announced(repository / f"{snapshot}.snapshot.json", snapshot),
        )
    )
    add_role_signature(timestamp, key)
    write_file(repository / "timestamp.json", encode_role(timestamp))


def _announced(path: Path, version: int) -> MetaFile:
    """A role as its announcer names it: version, length and hash."""
    content = read_bounded(path, METADATA_BYTES)
    return MetaFile(version, len(content), {"sha256": hashlib.sha256(content).hexdigest()})


def _check_follows(drafted: int, held: int, role: str) -> None:
    if drafted != held + 1:
        raise Problem(
            Code.CONFLICT,
            f"the drafted {role} has version {drafted}; the repository holds {held}: draft it anew",
        )
