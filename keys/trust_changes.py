"""What differs between two states of the trust repository, member by member, with nothing left out.

1. What has an identity is matched by it: cities by code, nodes and auditors by name, keys and signers by key id,
   agreements by id. An owner that comes or goes is one change, and each of its keys one more.
2. Lists that are sets are compared as sets. A member that is null and one that is absent are the same.
3. Every other difference is a change at its place. A document whose value differs though no member does (the order
   of a list) is a change, too: `where` is then empty.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from tuf.api.metadata import Root, Targets  # type: ignore[attr-defined]

from keys.signer_list import SIGNERS_FILE
from keys.trust_documents import NEW_SIGNERS, Documents, InForce
from keys.trust_draft import Draft
from keys.trust_list import AGREEMENTS_FILE, TRUST_LIST_FILE

_IDENTITY: Final = {
    "cities": "code",
    "nodes": "name",
    "auditors": "name",
    "keys": "kid",
    "agreements": "id",
    "signers": "kid",
}
_SETS: Final = frozenset({"parties", "kinds", "scope", "roles"})
_COUNTS: Final = "thresholds"
_ROLE_MEMBERS: Final = ("version", "spec_version", "expires")


@dataclass(frozen=True, slots=True)
class Change:
    """A difference: in which document or role, at which place, and both values; None where there is none."""

    document: str
    where: tuple[str, ...]
    before: Any
    after: Any


def compare(base: InForce | None, draft: Draft) -> list[Change]:
    """All that a draft changes against what is in force; for a new repository, all that it says."""
    held = None if base is None else base.documents
    found = compare_documents(held, draft.documents)
    for name, drafted in draft.roles().items():
        before: Root | Targets | None = None
        if base is not None:
            before = base.root.signed if name == Root.type else base.targets.signed
        old = {} if before is None else before.to_dict()
        new = drafted.signed.to_dict()
        found += [
            Change(name, (member,), old.get(member), new[member])
            for member in _ROLE_MEMBERS
            if old.get(member) != new[member]
        ]
    return found


def compare_documents(before: Documents | None, after: Documents) -> list[Change]:
    """The same for the documents alone."""
    old = Documents.new() if before is None else before
    if before is None:
        old.signers = {**NEW_SIGNERS, "thresholds": {}}
    pairs = (
        (TRUST_LIST_FILE, old.trust_list, after.trust_list),
        (AGREEMENTS_FILE, old.agreements, after.agreements),
        (SIGNERS_FILE, old.signers, after.signers),
    )
    found: list[Change] = []
    for document, one, other in pairs:
        changes = list(_members(document, (), one, other))
        named = [change for change in changes if change.where != ("version",)]
        if not named and {**one, "version": None} != {**other, "version": None}:
            changes.append(Change(document, (), None, None))
        found += changes
    return found


def _members(
    document: str, where: tuple[str, ...], before: Mapping[str, Any], after: Mapping[str, Any]
) -> Iterator[Change]:
    for name in dict.fromkeys((*before, *after)):
        one, other = before.get(name), after.get(name)
        if one == other:
            continue
        place = (*where, name)
        if name in _IDENTITY and isinstance(one or [], list) and isinstance(other or [], list):
            yield from _owners(document, place, _IDENTITY[name], one or [], other or [])
        elif name in _SETS and isinstance(one, list) and isinstance(other, list):
            if sorted(one) != sorted(other):
                yield Change(document, place, one, other)
        elif name == _COUNTS and isinstance(one, dict) and isinstance(other, dict):
            yield from _members(document, place, one, other)
        else:
            yield Change(document, place, one, other)


def _owners(
    document: str, where: tuple[str, ...], identity: str, before: list[Any], after: list[Any]
) -> Iterator[Change]:
    old = {each[identity]: each for each in before}
    new = {each[identity]: each for each in after}
    for key in dict.fromkeys((*new, *old)):
        one, other = old.get(key), new.get(key)
        place = (*where, key)
        if one is not None and other is not None:
            yield from _members(document, place, one, other)
            continue
        yield Change(document, place, one, other)
        keys_before, keys_after = ((each or {}).get("keys") or [] for each in (one, other))
        if keys_before or keys_after:
            yield from _owners(document, (*place, "keys"), _IDENTITY["keys"], keys_before, keys_after)
