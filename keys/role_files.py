"""The signed files of the trust repository, one by one: read, encode, sign, judge (TUF specification §4).

`keys.ceremony` composes these; a node reads through python-tuf's client instead (`keys.trust_repository`).

1. What is read is parsed whole, and only our own encoding of it is ever signed or written.
2. No member is there that a reader of ours would pass over: what the specification does not know is refused, but
   for `x-hub-city`, the city whose officer holds a key.
3. A key counts once, under whatever ids it may stand in a root.
4. Files are replaced whole: written beside, synced, renamed.
"""

from __future__ import annotations

import hashlib
import os
import re
import secrets
import stat
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Final, TypeVar, cast

import orjson
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from securesystemslib.signer import (  # type: ignore[attr-defined]  # re-exported without saying so
    Key,
    SecretsHandler,
    Signature,
    Signer,
    SSlibKey,
)
from tuf.api.metadata import (  # type: ignore[attr-defined]  # re-exported without saying so
    Metadata,
    Root,
    Snapshot,
    TargetFile,
    Targets,
    Timestamp,
)
from tuf.api.serialization import DeserializationError, SerializationError
from tuf.api.serialization.json import JSONSerializer

from hub.errors import Code, Problem
from keys.suite import SigningKey, VerifyKey, verify_key_from_raw
from keys.trust_list import AGREEMENTS_FILE, TRUST_LIST_FILE, Target, check_parties
from keys.trust_repository import METADATA_BYTES, TARGETS_FOLDER
from keys.trust_schema import TARGET_BYTES, parse_agreements, parse_trust_list

CITY_MEMBER: Final = "x-hub-city"
"""The member of a root's key that names its holder's city, beside TUF's own."""
ONLINE_THRESHOLD: Final = 1
"""Snapshot and timestamp are signed by one key: an operator's, not a ceremony's."""

_Signed = TypeVar("_Signed", Root, Targets, Snapshot, Timestamp)
_PUBLIC: Final = re.compile(r"[0-9a-f]{64}")
_SIGNATURE: Final = re.compile(r"[0-9a-f]{128}")
_CITY: Final = re.compile(r"[1-9][0-9]{5}")


@dataclass(frozen=True, slots=True)
class Standing:
    """How far a role's signatures have come, as the root of version `judge` counts. Key ids are TUF's."""

    role: str
    version: int
    judge: int
    threshold: int
    signed: frozenset[str]
    missing: frozenset[str]

    @property
    def met(self) -> bool:
        return len(self.signed) >= self.threshold


class _KeySigner(Signer):
    """Lends a `SigningKey` to python-tuf; the private half stays where it is."""

    def __init__(self, key: SigningKey) -> None:
        self._key = key
        self._role_key = role_key(key.public)

    @property
    def public_key(self) -> Key:
        return self._role_key

    def sign(self, payload: bytes) -> Signature:
        return Signature(self._role_key.keyid, self._key.sign(payload).hex())

    @classmethod
    def from_priv_key_uri(
        cls, priv_key_uri: str, public_key: Key, secrets_handler: SecretsHandler | None = None
    ) -> Signer:
        raise ValueError("keys come from key files, not from URIs")


def role_key(key: VerifyKey, city: str | None = None) -> SSlibKey:
    """A key in TUF's form, with its holder's city. Raises `Problem` INVALID for one that TUF has no form for."""
    if key.algorithm != "Ed25519":
        raise Problem(Code.INVALID, f"key {key.kid}: the trust repository is signed with Ed25519")
    made = SSlibKey.from_crypto(Ed25519PublicKey.from_public_bytes(key.raw))
    if city is not None:
        made.unrecognized_fields[CITY_MEMBER] = city
    return made


def role_key_id(key: VerifyKey) -> str:
    """The id that TUF gives to a key: a hash of TUF's own form of it, so not its `kid`."""
    return role_key(key).keyid


def verify_key_of(key: Key) -> VerifyKey:
    """The key that a root which was read holds in TUF's form."""
    return verify_key_from_raw(bytes.fromhex(key.keyval["public"]))


def city_of(key: Key) -> str | None:
    """The city whose officer holds a root's key, as the root says."""
    return cast(str | None, key.unrecognized_fields.get(CITY_MEMBER))


def add_role_signature(role: Metadata[Any], key: SigningKey) -> None:
    """Sign our own encoding of a role."""
    role.sign(_KeySigner(key), append=True)


def encode_role(role: Metadata[Any]) -> bytes:
    """A signed file's bytes: indented, for people read it before they sign."""
    return role.to_bytes(JSONSerializer(compact=False))


def encode_target(members: Mapping[str, Any]) -> bytes:
    """A target file's bytes: names sorted, indented, a line end at the end. Raises `Problem` MALFORMED."""
    try:
        return orjson.dumps(
            dict(members), option=orjson.OPT_SORT_KEYS | orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE
        )
    except TypeError as broken:
        raise Problem(Code.MALFORMED, "a target is made of JSON values only") from broken


def read_root(path: Path) -> Metadata[Root]:
    """A root file. Raises `Problem`: NOT_FOUND, TOO_LARGE, MALFORMED, INVALID."""
    role = _read(path, Root)
    root = role.signed
    used: set[str] = set()
    for name, delegation in root.roles.items():
        values = [_value(root, key_id) for key_id in delegation.keyids]
        if len(set(values)) != len(values):
            raise Problem(Code.INVALID, f"{path.name}: role {name} names a key twice")
        if type(delegation.threshold) is not int or not 1 <= delegation.threshold <= len(values):
            raise Problem(Code.INVALID, f"{path.name}: role {name} has a threshold that cannot be met")
        if delegation.unrecognized_fields:
            raise _unknown(path)
        used.update(delegation.keyids)
    for key_id, key in root.keys.items():
        _check_key(path, key_id, key)
    if used != root.keys.keys():
        raise Problem(Code.INVALID, f"{path.name} holds a key that signs nothing")
    if root.consistent_snapshot is not True:
        raise Problem(Code.INVALID, f"{path.name}: a repository of ours has consistent snapshots")
    return role


def read_targets(path: Path) -> Metadata[Targets]:
    """A targets file. Raises `Problem`: NOT_FOUND, TOO_LARGE, MALFORMED, INVALID."""
    role = _read(path, Targets)
    if role.signed.targets.keys() != {TRUST_LIST_FILE, AGREEMENTS_FILE} or role.signed.delegations:
        raise Problem(
            Code.INVALID, f"{path.name} lists {TRUST_LIST_FILE} and {AGREEMENTS_FILE}, nothing else"
        )
    if any(target.unrecognized_fields for target in role.signed.targets.values()):
        raise _unknown(path)
    return role


def targets_of(
    contents: Mapping[str, bytes], version: int, expires: datetime, spec_version: str | None = None
) -> Targets:
    """The role that lists these target files."""
    return Targets(
        version=version,
        spec_version=spec_version,
        expires=expires,
        targets={
            file: TargetFile(len(content), {"sha256": hashlib.sha256(content).hexdigest()}, file)
            for file, content in contents.items()
        },
    )


def standing_of(judge: Root, name: str, role: Metadata[Any]) -> Standing:
    """How many of the keys that `judge` names for a role have signed it."""
    result = judge.get_verification_result(name, role.signed_bytes, role.signatures)
    return Standing(
        name,
        role.signed.version,
        judge.version,
        result.threshold,
        frozenset(result.signed),
        frozenset(result.unsigned),
    )


def check_operator(root: Root, name: str, key: SigningKey) -> None:
    """Raises `Problem` NOT_ALLOWED when `root` does not name the key for the role."""
    if role_key_id(key.public) not in root.roles[name].keyids:
        raise Problem(Code.NOT_ALLOWED, f"the root does not name key {key.kid} for the {name}")


def versions(repository: Path, name: str) -> list[int]:
    """Which versions of a numbered role a repository holds, announced or not."""
    form = re.compile(rf"([1-9][0-9]{{0,8}})\.{name}\.json")
    return [
        int(match[1]) for path in repository.glob(f"*.{name}.json") if (match := form.fullmatch(path.name))
    ]


def newest_root(repository: Path) -> Metadata[Root]:
    """Raises `Problem` as `read_root`."""
    return read_root(repository / f"{max(versions(repository, Root.type), default=1)}.root.json")


def held_version(repository: Path, name: str = Targets.type) -> int:
    """The version of `timestamp`, `snapshot` or `targets` that is announced, 0 before the first."""
    if not (repository / "timestamp.json").exists():
        return 0
    timestamp = read_timestamp(repository).signed
    if name == Timestamp.type:
        return timestamp.version
    version = timestamp.snapshot_meta.version
    if name == Snapshot.type:
        return version
    announced = read_snapshot(repository, version).signed.meta.get("targets.json")
    if announced is None:
        raise Problem(Code.MALFORMED, "the snapshot announces no targets")
    return announced.version


def read_timestamp(repository: Path) -> Metadata[Timestamp]:
    """The announcement that is in force. Raises `Problem`: NOT_FOUND, TOO_LARGE, MALFORMED."""
    return _read(repository / "timestamp.json", Timestamp)


def read_snapshot(repository: Path, version: int) -> Metadata[Snapshot]:
    """A snapshot of that version. Raises `Problem`: NOT_FOUND, TOO_LARGE, MALFORMED."""
    return _read(repository / f"{version}.snapshot.json", Snapshot)


def held_targets(repository: Path) -> Metadata[Targets]:
    """The announced targets. Raises `Problem` as `read_targets`."""
    return read_targets(repository / f"{held_version(repository)}.targets.json")


def listed_contents(targets: Targets, folder: Path) -> dict[str, bytes]:
    """The files that a drafted role lists, from beside it; BAD_SIGNATURE when they are not those."""
    return {file: _listed(targets, file, folder / file) for file in targets.targets}


def published_contents(targets: Targets, repository: Path) -> dict[str, bytes]:
    """The files that a published role lists, from the repository; BAD_SIGNATURE when they are not those."""
    folder = repository / TARGETS_FOLDER
    return {
        file: _listed(targets, file, folder / f"{signed.hashes.get('sha256', '')}.{file}")
        for file, signed in targets.targets.items()
    }


def check_contents(contents: Mapping[str, bytes]) -> tuple[Target, Target]:
    """Read both target files as a node will. Raises `Problem` as `keys.trust_schema` and `combine`."""
    trust_list = parse_trust_list(contents[TRUST_LIST_FILE])
    agreements = parse_agreements(contents[AGREEMENTS_FILE])
    targets = (
        Target(TRUST_LIST_FILE, trust_list.version, hashlib.sha256(contents[TRUST_LIST_FILE]).hexdigest()),
        Target(AGREEMENTS_FILE, agreements.version, hashlib.sha256(contents[AGREEMENTS_FILE]).hexdigest()),
    )
    check_parties(trust_list, agreements)
    return targets


def read_bounded(path: Path, longest: int) -> bytes:
    """A file's bytes. Raises `Problem`: NOT_FOUND, TOO_LARGE, MALFORMED for what is no file."""
    try:
        # Not blocking, so that a named pipe in the file's place cannot hold anybody up.
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
        with os.fdopen(descriptor, "rb") as file:
            if not stat.S_ISREG(os.fstat(descriptor).st_mode):
                raise Problem(Code.MALFORMED, f"{path.name} is no file")
            content = file.read(longest + 1)
    except FileNotFoundError:
        raise Problem(Code.NOT_FOUND, f"{path.name} is missing") from None
    except OSError as failed:
        raise Problem(Code.NOT_FOUND, f"{path.name} cannot be read: {failed.strerror}") from failed
    if len(content) > longest:
        raise Problem(Code.TOO_LARGE, f"{path.name} is longer than {longest} bytes")
    return content


def write_file(path: Path, content: bytes) -> None:
    """Replace a file whole, making its folder if need be. Raises `Problem` NOT_ALLOWED."""
    draft = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            with draft.open("xb") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
            draft.replace(path)
        finally:
            draft.unlink(missing_ok=True)
    except OSError as failed:
        raise Problem(Code.NOT_ALLOWED, f"{path} cannot be written: {failed.strerror}") from failed


def _read(path: Path, role: type[_Signed]) -> Metadata[_Signed]:
    try:
        metadata = Metadata[_Signed].from_bytes(read_bounded(path, METADATA_BYTES))
        _ = metadata.signed_bytes  # so that what has no canonical form (a float, say) is refused here
    except (DeserializationError, SerializationError) as broken:
        raise Problem(Code.MALFORMED, f"{path.name} is not a signed role of the trust repository") from broken
    if type(metadata.signed) is not role:
        raise Problem(Code.MALFORMED, f"{path.name} is of another role")
    if metadata.signed.unrecognized_fields or metadata.unrecognized_fields:
        raise _unknown(path)
    if type(metadata.signed.version) is not int:
        raise Problem(Code.MALFORMED, f"{path.name} has a version that is no whole number")
    for signature in metadata.signatures.values():
        if signature.unrecognized_fields:
            raise _unknown(path)
        if not isinstance(signature.signature, str) or not _SIGNATURE.fullmatch(signature.signature):
            raise Problem(Code.MALFORMED, f"{path.name} has a signature of a wrong form")
    return metadata


def _unknown(path: Path) -> Problem:
    return Problem(Code.INVALID, f"{path.name} has members that the TUF specification does not")


def _check_key(path: Path, key_id: str, key: Key) -> None:
    """A root's key says what our own encoding of it would say, and whose it is."""
    public = key.keyval.get("public")
    if (key.keytype, key.scheme) != ("ed25519", "ed25519") or key.keyval.keys() != {"public"}:
        raise Problem(Code.INVALID, f"{path.name}: the trust repository is signed with Ed25519")
    if not isinstance(public, str) or not _PUBLIC.fullmatch(public):
        raise Problem(Code.MALFORMED, f"{path.name} holds a key of a wrong form")
    if role_key_id(verify_key_of(key)) != key_id:
        raise Problem(Code.INVALID, f"{path.name} holds a key under an id that is not its own")
    if key.unrecognized_fields.keys() - {CITY_MEMBER}:
        raise _unknown(path)
    city = key.unrecognized_fields.get(CITY_MEMBER, "100000")
    if not isinstance(city, str) or not _CITY.fullmatch(city):
        raise Problem(Code.INVALID, f"{path.name}: {CITY_MEMBER} is not a six-digit division code")


def _listed(targets: Targets, file: str, path: Path) -> bytes:
    content = read_bounded(path, TARGET_BYTES)
    signed = targets.targets[file]
    if signed.length != len(content) or signed.hashes != {"sha256": hashlib.sha256(content).hexdigest()}:
        raise Problem(Code.BAD_SIGNATURE, f"{file} is not the file that the targets role lists")
    return content


def _value(root: Root, key_id: str) -> str:
    key = root.keys.get(key_id)
    if key is None:
        raise Problem(Code.INVALID, "a root names a key that it does not hold")
    return str(key.keyval.get("public")).lower()
