"""How cities make and renew the trust repository, each with its own key and none with another's.

1. **Draft.** `draft_root` and `draft_targets` write unsigned files into a staging folder.
2. **Sign.** The folder goes from city to city; at each, `add_signature` adds one signature to one file. What
   is signed is our own encoding of what was understood, never bytes that a stranger composed.
3. **Look.** `standing` says which role has how many signatures and how many it needs.
4. **Publish.** `publish` refuses unless every threshold is met, then the node's operator adds snapshot and
   timestamp. Readers see the old repository or the new one: the timestamp is replaced last.

`create` and `update_targets` do all four at once for whoever holds all the keys (a laboratory, the tests).
`refresh` renews snapshot and timestamp, as an operator's schedule does. Files are as `keys.trust_repository`
describes them. Times and keys are handed in; every refusal is a `Problem`.
"""

from __future__ import annotations

import hashlib
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

from tuf.api.metadata import (  # type: ignore[attr-defined]  # re-exported without saying so
    Metadata,
    MetaFile,
    Role,
    Root,
    Snapshot,
    TargetFile,
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
    encode_target,
    held_targets,
    held_version,
    listed_contents,
    newest_root,
    published_contents,
    read_bounded,
    read_root,
    read_targets,
    role_key,
    role_key_id,
    standing_of,
    versions,
    write_file,
)
from keys.suite import SigningKey, VerifyKey
from keys.trust_list import AGREEMENTS_FILE, TRUST_LIST_FILE, Target
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


def draft_root(
    staging: Path,
    *,
    root_keys: Sequence[VerifyKey],
    threshold: int,
    targets_keys: Sequence[VerifyKey],
    targets_threshold: int,
    snapshot_keys: Sequence[VerifyKey],
    timestamp_keys: Sequence[VerifyKey],
    now: datetime,
    expiries: Expiries | None = None,
    repository: Path | None = None,
) -> None:
    """Write an unsigned root: the first one, or the successor of `repository`'s.

    Any one of the snapshot and timestamp keys suffices for its role.
    Raises `Problem` INVALID for a threshold that cannot be met or that one key could meet twice.
    """
    roles = {
        Root.type: (root_keys, threshold),
        Targets.type: (targets_keys, targets_threshold),
        Snapshot.type: (snapshot_keys, 1),
        Timestamp.type: (timestamp_keys, 1),
    }
    for name, (keys, wanted) in roles.items():
        if len({key.kid for key in keys}) != len(keys):
            raise Problem(Code.INVALID, f"role {name} names a key twice")
        if not 1 <= wanted <= len(keys):
            raise Problem(Code.INVALID, f"role {name}: {wanted} of {len(keys)} keys is no threshold")
    version = 1 if repository is None else newest_root(repository).signed.version + 1
    root = Root(
        version=version,
        expires=_expiry(now, (expiries or Expiries()).root),
        keys={role_key_id(key): role_key(key) for keys, _ in roles.values() for key in keys},
        roles={
            name: Role([role_key_id(key) for key in keys], wanted) for name, (keys, wanted) in roles.items()
        },
        consistent_snapshot=True,
    )
    staging.mkdir(parents=True, exist_ok=True)
    write_file(staging / ROOT_DRAFT, encode_role(Metadata(root)))


def draft_targets(
    staging: Path,
    trust_list: Mapping[str, Any],
    agreements: Mapping[str, Any],
    *,
    now: datetime,
    expiries: Expiries | None = None,
    repository: Path | None = None,
) -> None:
    """Write the two target files and the unsigned role that lists them, after reading them as a node will.

    Raises `Problem` INVALID or MALFORMED for a trust list or agreements that a node would refuse.
    """
    contents = {
        TRUST_LIST_FILE: encode_target(trust_list),
        AGREEMENTS_FILE: encode_target(agreements),
    }
    check_contents(contents)
    version = 1 if repository is None else held_version(repository) + 1
    targets = Targets(
        version=version,
        expires=_expiry(now, (expiries or Expiries()).targets),
        targets={
            file: TargetFile(len(content), {"sha256": hashlib.sha256(content).hexdigest()}, file)
            for file, content in contents.items()
        },
    )
    staging.mkdir(parents=True, exist_ok=True)
    for file, content in contents.items():
        write_file(staging / file, content)
    write_file(staging / TARGETS_DRAFT, encode_role(Metadata(targets)))


def add_signature(path: Path, key: SigningKey) -> None:
    """Sign a drafted file; signing twice with one key changes nothing.

    For `targets.json` the two files beside it are read and must be those that it lists, so that nobody signs
    for what he was not shown. Raises `Problem`: NOT_FOUND, MALFORMED, INVALID, BAD_SIGNATURE.
    """
    if path.name == ROOT_DRAFT:
        role: Metadata[Root] | Metadata[Targets] = read_root(path)
    elif path.name == TARGETS_DRAFT:
        role = read_targets(path)
        check_contents(listed_contents(role.signed, path.parent))
    else:
        raise Problem(Code.INVALID, f"a ceremony signs {ROOT_DRAFT} and {TARGETS_DRAFT} only")
    add_role_signature(role, key)
    write_file(path, encode_role(role))


def standing(staging: Path, repository: Path | None = None) -> tuple[Standing, ...]:
    """Which signatures the drafted roles have. A new root counts twice: by the old root and by itself."""
    held = None if repository is None else newest_root(repository).signed
    found: list[Standing] = []
    judge = held
    if (staging / ROOT_DRAFT).exists():
        drafted = read_root(staging / ROOT_DRAFT)
        judge = drafted.signed
        found += [standing_of(root, Root.type, drafted) for root in (held, judge) if root is not None]
    if (staging / TARGETS_DRAFT).exists():
        if judge is None:
            raise Problem(Code.NOT_FOUND, "there is no root to judge the drafted targets by")
        found.append(standing_of(judge, Targets.type, read_targets(staging / TARGETS_DRAFT)))
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

    Publishing the same draft again is no error. Raises `Problem`: BAD_SIGNATURE when a threshold is not met;
    CONFLICT when a draft does not follow what the repository holds; NOT_ALLOWED for an operator's key that
    the root does not name; INVALID for target files that a node would refuse. Then nothing has changed.
    """
    held = newest_root(repository) if versions(repository, Root.type) else None
    for role in standing(staging, None if held is None else repository):
        _require(role)
    root, root_file = held, dict[str, bytes]()
    if (staging / ROOT_DRAFT).exists():
        root = read_root(staging / ROOT_DRAFT)
        if held is None or encode_role(held) != encode_role(root):
            _check_follows(root.signed.version, 0 if held is None else held.signed.version, "root")
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
            _check_follows(targets.signed.version, version, "targets")
        contents = listed_contents(targets.signed, staging)
        for file, content in contents.items():
            files[f"{TARGETS_FOLDER}/{hashlib.sha256(content).hexdigest()}.{file}"] = content
        files[f"{targets.signed.version}.targets.json"] = encode_role(targets)
    else:
        targets = held_targets(repository)
        _require(standing_of(root.signed, Targets.type, targets))
        contents = published_contents(targets.signed, repository)
    in_force = check_contents(contents)
    for file, content in files.items():
        write_file(repository / file, content)
    snapshot = _write_snapshot(repository, targets.signed.version, snapshot_key, now, expiries)
    for file, content in root_file.items():
        write_file(repository / file, content)
    _write_timestamp(repository, snapshot, timestamp_key, now, expiries)
    return in_force


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
    _require(standing_of(root, Targets.type, targets))
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


def create(
    repository: Path,
    trust_list: Mapping[str, Any],
    agreements: Mapping[str, Any],
    *,
    root_keys: Sequence[SigningKey],
    threshold: int,
    targets_keys: Sequence[SigningKey],
    targets_threshold: int,
    snapshot_key: SigningKey,
    timestamp_key: SigningKey,
    now: datetime,
    expiries: Expiries | None = None,
) -> tuple[Target, Target]:
    """Make a new repository, all keys in one hand. Raises `Problem` CONFLICT when there is one already."""
    if versions(repository, Root.type):
        raise Problem(Code.CONFLICT, f"{repository} holds a trust repository already")
    with tempfile.TemporaryDirectory(prefix="ceremony-") as folder:
        staging = Path(folder)
        draft_root(
            staging,
            root_keys=[key.public for key in root_keys],
            threshold=threshold,
            targets_keys=[key.public for key in targets_keys],
            targets_threshold=targets_threshold,
            snapshot_keys=[snapshot_key.public],
            timestamp_keys=[timestamp_key.public],
            now=now,
            expiries=expiries,
        )
        draft_targets(staging, trust_list, agreements, now=now, expiries=expiries)
        for key in root_keys:
            add_signature(staging / ROOT_DRAFT, key)
        for key in targets_keys:
            add_signature(staging / TARGETS_DRAFT, key)
        return publish(
            repository,
            staging,
            snapshot_key=snapshot_key,
            timestamp_key=timestamp_key,
            now=now,
            expiries=expiries,
        )


def update_targets(
    repository: Path,
    trust_list: Mapping[str, Any],
    agreements: Mapping[str, Any],
    *,
    targets_keys: Sequence[SigningKey],
    snapshot_key: SigningKey,
    timestamp_key: SigningKey,
    now: datetime,
    expiries: Expiries | None = None,
) -> tuple[Target, Target]:
    """Put a new trust list and new agreements in force, all keys in one hand. Raises as `publish`."""
    with tempfile.TemporaryDirectory(prefix="ceremony-") as folder:
        staging = Path(folder)
        draft_targets(staging, trust_list, agreements, now=now, expiries=expiries, repository=repository)
        for key in targets_keys:
            add_signature(staging / TARGETS_DRAFT, key)
        return publish(
            repository,
            staging,
            snapshot_key=snapshot_key,
            timestamp_key=timestamp_key,
            now=now,
            expiries=expiries,
        )


def _write_snapshot(
    repository: Path, targets: int, key: SigningKey, now: datetime, expiries: Expiries | None
) -> int:
    """Announce the targets of that version; the new snapshot's version."""
    version = max(versions(repository, Snapshot.type), default=0) + 1
    snapshot = Metadata(
        Snapshot(
            version=version,
            expires=_expiry(now, (expiries or Expiries()).snapshot),
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
            expires=_expiry(now, (expiries or Expiries()).timestamp),
            snapshot_meta=_announced(repository / f"{snapshot}.snapshot.json", snapshot),
        )
    )
    add_role_signature(timestamp, key)
    write_file(repository / "timestamp.json", encode_role(timestamp))


def _announced(path: Path, version: int) -> MetaFile:
    """A role as its announcer names it: version, length and hash."""
    content = read_bounded(path, METADATA_BYTES)
    return MetaFile(version, len(content), {"sha256": hashlib.sha256(content).hexdigest()})


def _require(role: Standing) -> None:
    if not role.met:
        raise Problem(
            Code.BAD_SIGNATURE,
            f"role {role.role} has {len(role.signed)} of {role.threshold} signatures; nothing is published",
        )


def _check_follows(drafted: int, held: int, role: str) -> None:
    if drafted != held + 1:
        raise Problem(
            Code.CONFLICT,
            f"the drafted {role} has version {drafted}; the repository holds {held}: draft it anew",
        )


def _expiry(now: datetime, after: timedelta) -> datetime:
    return (now + after).astimezone(UTC)
