"""Who is who and what may flow: the trust list and the agreements, as values that never change.

1. A `Trust` is made only from two targets that a quorum of cities signed (`keys.trust_repository`) and that
   `keys.trust_schema` has read strictly; it holds for one moment and is replaced whole, never edited.
2. One key has one owner and one use, so a key id leads to one `TrustedKey`, in one look-up.
3. A key signs validly if `issued_at` lies in its validity and it is not revoked at the time of acceptance
   (wire contract, section 7); so what was accepted before a revocation stays verifiable.
4. A city that is not listed, a kind that is not named, a time outside: no. Nothing is allowed by silence.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final, Literal

from hub.errors import Code, Problem
from keys.suite import SealKey, VerifyKey

TRUST_LIST_FILE: Final = "trust-list.json"
AGREEMENTS_FILE: Final = "agreements.json"

OwnerKind = Literal["city", "node", "auditor"]


@dataclass(frozen=True, slots=True)
class TrustedKey:
    """A key, whose it is and what it may do."""

    key: VerifyKey | SealKey
    kid: str
    use: str
    """`sign`, `seal` (a city's), `node` (a node's) or `audit` (an auditor's)."""
    owner: str
    """City code, node name or auditor name."""
    owner_kind: OwnerKind
    system: str | None
    """The city's system that holds a `sign` key, as `610800/mediation`."""
    kinds: frozenset[str] | None
    """The kinds that a `sign` key may sign; None: none."""
    not_before: datetime
    not_after: datetime
    revoked_at: datetime | None

    def valid_at(self, issued_at: datetime, accepted_at: datetime) -> bool:
        """Whether what it signed at `issued_at` may be accepted at `accepted_at` (wire contract, section 7).

        For federated records `accepted_at` is the time of the origin's entry.
        """
        if not self.not_before <= issued_at < self.not_after:
            return False
        return self.revoked_at is None or accepted_at < self.revoked_at

    def may_sign(self, kind: str) -> bool:
        """Whether it is a `sign` key for records of this kind."""
        return self.use == "sign" and self.kinds is not None and kind in self.kinds

    @property
    def verify_key(self) -> VerifyKey:
        """The key for checking signatures. Raises `Problem` NOT_ALLOWED for a seal key."""
        if not isinstance(self.key, VerifyKey):
            raise Problem(Code.NOT_ALLOWED, f"key {self.kid} is for sealing; it signs nothing")
        return self.key


@dataclass(frozen=True, slots=True)
class City:
    """A member city and the node that hosts it."""

    code: str
    name: str
    province: str
    node: str
    keys: tuple[TrustedKey, ...]
    hosted_before: tuple[str, ...] = ()
    """The nodes that hosted it before, the last one last."""


@dataclass(frozen=True, slots=True)
class Node:
    """A running hub; `log` and `witness` are its verifier keys (C2SP signed-note)."""

    name: str
    url: str
    keys: tuple[TrustedKey, ...]
    log: str
    witness: str

    @property
    def is_revoked(self) -> bool:
        """Whether none of its keys is left in force: then its word on other logs counts no more, whenever given.

        The time of a cosignature is the witness's own word.
        """
        return bool(self.keys) and all(key.revoked_at is not None for key in self.keys)


@dataclass(frozen=True, slots=True)
class Auditor:
    """Who may read the log's entries, and for which cities."""

    name: str
    keys: tuple[TrustedKey, ...]
    scope: frozenset[str]


@dataclass(frozen=True, slots=True)
class Agreement:
    """What the parties agreed may flow between them. `valid_until` is the first moment outside."""

    id: str
    title: str
    parties: frozenset[str]
    kinds: frozenset[str]
    purpose: str
    legal_basis: str
    highest_marking: str
    retention_days: int
    valid_from: datetime
    valid_until: datetime

    def in_force(self, at: datetime) -> bool:
        """Whether `at` lies inside its validity."""
        return self.valid_from <= at < self.valid_until


@dataclass(frozen=True, slots=True)
class TrustList:
    """The target `trust-list.json`, read."""

    version: int
    cities: Mapping[str, City]
    nodes: Mapping[str, Node]
    auditors: Mapping[str, Auditor]
    quorum: int

    def keys(self) -> Iterator[TrustedKey]:
        """Every key in the list."""
        for owners in (self.cities, self.nodes, self.auditors):
            for owner in owners.values():
                yield from owner.keys


@dataclass(frozen=True, slots=True)
class AgreementList:
    """The target `agreements.json`, read."""

    version: int
    agreements: Mapping[str, Agreement]


@dataclass(frozen=True, slots=True)
class Target:
    """Which bytes were in force: file name, its own version, hex SHA-256."""

    file: str
    version: int
    digest: str


@dataclass(frozen=True)
class Trust:
    """Everything that a node may believe about others, until `expires_at`."""

    cities: Mapping[str, City]
    nodes: Mapping[str, Node]
    auditors: Mapping[str, Auditor]
    agreements: Mapping[str, Agreement]
    quorum: int
    """How many cosignatures are wanted on a checkpoint."""
    targets: tuple[Target, Target]
    """The trust list and the agreements, in this order."""
    expires_at: datetime
    """When the first of the repository's signed files expires."""
    role_expiries: Mapping[str, datetime] = field(default_factory=dict)
    """When each of them does: `root`, `targets`, `snapshot`, `timestamp`."""
    _keys: Mapping[str, TrustedKey] = field(init=False, repr=False, compare=False)
    _hosted: Mapping[str, frozenset[str]] = field(init=False, repr=False, compare=False)
    _left: Mapping[str, frozenset[str]] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        keys: dict[str, TrustedKey] = {}
        for owners in (self.cities, self.nodes, self.auditors):
            for owner in owners.values():
                keys.update((key.kid, key) for key in owner.keys)
        hosted = {
            name: frozenset(city.code for city in self.cities.values() if city.node == name)
            for name in self.nodes
        }
        left = {
            name: frozenset(city.code for city in self.cities.values() if name in city.hosted_before)
            for name in self.nodes
        }
        object.__setattr__(self, "_keys", keys)
        object.__setattr__(self, "_hosted", hosted)
        object.__setattr__(self, "_left", left)

    def key(self, kid: str) -> TrustedKey | None:
        """The key of that id, whatever its validity, or None."""
        return self._keys.get(kid)

    def hosted_by(self, node: str) -> frozenset[str]:
        """The codes of the cities that a node hosts; none for a node that is not listed."""
        return self._hosted.get(node, frozenset())

    def left(self, node: str) -> frozenset[str]:
        """The codes of the cities that a node hosted before, and hosts no more."""
        return self._left.get(node, frozenset())

    def vouched_by(self, node: str) -> frozenset[str]:
        """The cities whose records a node may have accepted: those that it hosts, and those that it hosted before."""
        return self.hosted_by(node) | self.left(node)

    def witnesses_for(self, origin: str) -> list[Node]:
        """The nodes whose witnesses count for the log of `origin`: all others that are not revoked."""
        return [node for node in self.nodes.values() if node.name != origin and not node.is_revoked]

    def seal_key(self, city: str, at: datetime) -> SealKey | None:
        """The key that a part for `city` is to be sealed to at `at`: of those valid then, the newest."""
        owner = self.cities.get(city)
        if owner is None:
            return None
        valid = [
            (key.not_before, key.kid, key.key)
            for key in owner.keys
            if isinstance(key.key, SealKey) and key.valid_at(at, accepted_at=at)
        ]
        return max(valid, key=lambda found: found[:2])[2] if valid else None


def check_parties(trust_list: TrustList, agreements: AgreementList) -> None:
    """Raises `Problem` INVALID when an agreement has a party that the trust list does not know."""
    for position, agreement in enumerate(agreements.agreements.values()):
        if not agreement.parties <= trust_list.cities.keys():
            raise Problem(
                Code.INVALID,
                f"agreement {agreement.id} has a party that is not a city of the trust list",
                where=f"/agreements/{position}/parties",
            )


def combine(
    trust_list: TrustList,
    agreements: AgreementList,
    targets: tuple[Target, Target],
    expires_at: datetime,
    role_expiries: Mapping[str, datetime] | None = None,
) -> Trust:
    """One `Trust` of the two targets. Raises `Problem` as `check_parties`."""
    check_parties(trust_list, agreements)
    return Trust(
        trust_list.cities,
        trust_list.nodes,
        trust_list.auditors,
        agreements.agreements,
        trust_list.quorum,
        targets,
        expires_at,
        dict(role_expiries or {}),
    )
