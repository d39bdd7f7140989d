"""How cities make and renew the trust repository, each with its own key and none with another's.

1. **Draft.** `draft_root` and `draft_targets` write unsigned files into a staging folder.
2. **Sign.** The folder goes from city to city; at each, `add_signature` adds one signature to one file. What
   is signed is our own encoding of what was understood, never bytes that a stranger composed.
3. **Look.** `standing` says which role has how many signatures and how many it needs.
4. **Publish.** `publish` refuses unless every threshold is met, then the node's operator adds snapshot and
   timestamp. Readers see the old repository or the new one: the timestamp is replaced last.

`create` and `update_targets` do all four at once for whoever holds all the keys (a laboratory, the tests). Officers
who gather in no room have `keys.trust_draft`, which wraps the same steps in a folder that people read.
`refresh` renews snapshot and timestamp, as an operator's schedule does. Files are as `keys.trust_repository`
describes them. Times and keys are handed in; every refusal is a `Problem`.
"""

from __future__ import annotations

import tempfile
from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

from tuf.api.metadata import (  # type: ignore[attr-defined]  # re-exported without saying so
    Metadata,
    Root,
    Snapshot,
    Targets,
    Timestamp,
)

from hub.errors import Code, Problem
from keys.publication import (
    ROOT_DRAFT,
    TARGETS_DRAFT,
    Expiries,
    expiry,
    publish,
    refresh,
    refresh_timestamp,
    standing,
)
from keys.role_files import (
    add_role_signature,
    check_contents,
    encode_role,
    encode_target,
    held_version,
    listed_contents,
    newest_root,
    read_root,
    read_targets,
    targets_of,
    versions,
    write_file,
)
from keys.signer_list import root_of, signer_list
from keys.suite import SigningKey, VerifyKey
from keys.trust_list import AGREEMENTS_FILE, TRUST_LIST_FILE, Target

__all__ = [
    "Expiries",
    "add_signature",
    "create",
    "draft_root",
    "draft_targets",
    "publish",
    "refresh",
    "refresh_timestamp",
    "standing",
    "update_targets",
]


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
    held: dict[str, VerifyKey] = {key.kid: key for keys, _ in roles.values() for key in keys}
    signers = signer_list(
        [
            (
                key,
                None,
                tuple(name for name, (keys, _) in roles.items() if kid in {each.kid for each in keys}),
            )
            for kid, key in held.items()
        ],
        {name: wanted for name, (_, wanted) in roles.items()},
    )
    root = root_of(signers, version, expiry(now, (expiries or Expiries()).root))
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
    targets = targets_of(contents, version, expiry(now, (expiries or Expiries()).targets))
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
