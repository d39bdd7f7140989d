"""What a trust repository says, as the three documents that people edit and read before they sign.

`trust-list.json` and `agreements.json` are the targets themselves; `signers.json` says what the root says
(`keys.signer_list`). `read_in_force` takes them from a repository:

1. Each root was signed by the root before it and by itself, the targets by the newest root, m of n.
2. The target files are those that were signed, and read as a node reads them.
3. Expiry is not looked at: what has expired is what is to be renewed.
"""

from __future__ import annotations

import base64
import copy
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tuf.api.metadata import Metadata, Root, Targets  # type: ignore[attr-defined]

from hub.errors import Code, Problem
from keys.publication import require
from keys.role_files import (
    check_contents,
    encode_target,
    held_version,
    newest_root,
    published_contents,
    read_bounded,
    read_root,
    read_targets,
    standing_of,
    versions,
)
from keys.signer_list import SIGNERS_BYTES, SIGNERS_FILE, check_signers, signers_of
from keys.suite import public_key_from_jwk
from keys.trust_list import AGREEMENTS_FILE, TRUST_LIST_FILE
from keys.trust_schema import TARGET_BYTES, parse_trust_list
from schemas import strict_json

NEW_TRUST_LIST: Mapping[str, Any] = {"version": 1, "cities": [], "nodes": [], "auditors": [], "quorum": 0}
NEW_AGREEMENTS: Mapping[str, Any] = {"version": 1, "agreements": []}
NEW_SIGNERS: Mapping[str, Any] = {
    "signers": [],
    "thresholds": {"root": 1, "targets": 1, "snapshot": 1, "timestamp": 1},
}


@dataclass(slots=True)
class Documents:
    """The three documents, as JSON values; they may be changed until `check` was called."""

    trust_list: dict[str, Any]
    agreements: dict[str, Any]
    signers: dict[str, Any]

    @classmethod
    def new(cls) -> Documents:
        """Those of a repository that does not exist yet."""
        return copy.deepcopy(cls(dict(NEW_TRUST_LIST), dict(NEW_AGREEMENTS), dict(NEW_SIGNERS)))

    def copy(self) -> Documents:
        return copy.deepcopy(self)

    def contents(self) -> dict[str, bytes]:
        """The two target files, as they are signed."""
        return {
            TRUST_LIST_FILE: encode_target(self.trust_list),
            AGREEMENTS_FILE: encode_target(self.agreements),
        }

    def files(self) -> dict[str, bytes]:
        """All three files, as people edit them."""
        return {**self.contents(), SIGNERS_FILE: encode_target(self.signers)}

    def check(self) -> None:
        """Read them as a node will, and see that no signer's key has another use.

        Raises `Problem` INVALID or MALFORMED, `where` a JSON pointer into the document that is wrong.
        """
        check_contents(self.contents())
        self.signers = check_signers(self.signers)
        held = set(_public_keys(self.trust_list))
        for position, signer in enumerate(self.signers["signers"]):
            if public_key_from_jwk(signer["jwk"]).raw in held:
                raise Problem(
                    Code.INVALID,
                    "stands in the trust list too; a key has one use, and a signer's is to sign the repository",
                    where=f"/signers/{position}/kid",
                )


@dataclass(frozen=True, slots=True)
class InForce:
    """What a repository has in force, expired or not: the signed roles and what they say."""

    root: Metadata[Root]
    targets: Metadata[Targets]
    documents: Documents


def read_in_force(
    repository: Path, root_version: int | None = None, targets_version: int | None = None
) -> InForce | None:
    """What is in force in a folder, or was under an older root or with older targets; None where nothing is yet.

    Raises `Problem`: NOT_FOUND, TOO_LARGE, MALFORMED, INVALID for files; BAD_SIGNATURE for a root that its
    predecessor's signers did not sign, for targets below their threshold, for files that were not signed.
    """
    if not versions(repository, Root.type) or not (repository / "timestamp.json").exists():
        return None
    newest = newest_root(repository).signed.version
    root = _chained_root(repository, newest if root_version is None else root_version)
    version = held_version(repository) if targets_version is None else targets_version
    targets = read_targets(repository / f"{version}.targets.json")
    require(standing_of(root.signed, Targets.type, targets))
    contents = published_contents(targets.signed, repository)
    check_contents(contents)
    documents = Documents(
        strict_json.loads(contents[TRUST_LIST_FILE]),
        strict_json.loads(contents[AGREEMENTS_FILE]),
        signers_of(root.signed),
    )
    return InForce(root, targets, documents)


def read_documents(folder: Path) -> Documents:
    """The three documents of a draft, unchecked. Raises `Problem`: NOT_FOUND, TOO_LARGE, MALFORMED."""
    return Documents(
        *(
            _object(folder / name, longest)
            for name, longest in (
                (TRUST_LIST_FILE, TARGET_BYTES),
                (AGREEMENTS_FILE, TARGET_BYTES),
                (SIGNERS_FILE, SIGNERS_BYTES),
            )
        )
    )


def _object(path: Path, longest: int) -> dict[str, Any]:
    document = strict_json.loads(read_bounded(path, longest))
    if not isinstance(document, dict):
        raise Problem(Code.MALFORMED, f"{path.name} is one JSON object")
    return document


def _chained_root(repository: Path, newest: int) -> Metadata[Root]:
    """The root of that version, each of its forerunners in the folder having been followed to it."""
    held = sorted(version for version in versions(repository, Root.type) if version <= newest)
    root = read_root(repository / f"{held[0] if held else newest}.root.json")
    require(standing_of(root.signed, Root.type, root))
    for version in held[1:]:
        successor = read_root(repository / f"{version}.root.json")
        if successor.signed.version != root.signed.version + 1:
            raise Problem(Code.MALFORMED, f"{version}.root.json does not follow the root before it")
        for judge in (root.signed, successor.signed):
            require(standing_of(judge, Root.type, successor))
        root = successor
    return root


def _public_keys(trust_list: Mapping[str, Any]) -> Iterator[bytes]:
    """Every key that a checked trust list names, raw; those of logs and witnesses included."""
    parsed = parse_trust_list(encode_target(trust_list))
    for key in parsed.keys():  # noqa: SIM118 (its keys, not a mapping's)
        yield key.key.raw
    for node in parsed.nodes.values():
        for text in (node.log, node.witness):
            yield base64.b64decode(text.split("+", 2)[2])[1:]
