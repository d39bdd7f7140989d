"""Who may do what: two default-deny tables that a lawyer can read.

`VERBS` says which keys may ask for which verb. `RULES` says, in order, what must hold for a record to be
accepted from a city; what no rule admits is refused. Nothing here reads a clock, a file or a database.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from hub.errors import Code, Problem
from keys.message_signature import VerifiedRequest
from keys.seal import check_shape
from keys.trust_list import Agreement, Trust, TrustedKey
from schemas.limits import CLOCK_SKEW_SECONDS
from schemas.markings import allows
from schemas.record import Record


class Verb(StrEnum):
    """What can be asked of a node."""

    PUSH = "push"
    PULL = "pull"
    READ = "read"
    PROVE = "prove"
    FOLLOW = "follow"
    AUDIT = "audit"
    WITNESS = "ask what is held of a log"


class Role(StrEnum):
    """What a key's use and owner make of the one who asks."""

    HOSTED_SYSTEM = "system of a city that this node hosts"
    OTHER_SYSTEM = "system of a city that another node hosts"
    NODE = "another node"
    AUDITOR = "auditor"


VERBS: dict[Verb, frozenset[Role]] = {
    Verb.PUSH: frozenset({Role.HOSTED_SYSTEM}),
    Verb.PULL: frozenset({Role.HOSTED_SYSTEM, Role.OTHER_SYSTEM, Role.NODE}),
    Verb.READ: frozenset({Role.HOSTED_SYSTEM, Role.OTHER_SYSTEM, Role.NODE}),
    Verb.PROVE: frozenset({Role.HOSTED_SYSTEM, Role.OTHER_SYSTEM, Role.NODE, Role.AUDITOR}),
    Verb.FOLLOW: frozenset({Role.HOSTED_SYSTEM, Role.OTHER_SYSTEM, Role.AUDITOR}),
    Verb.AUDIT: frozenset({Role.AUDITOR}),
    Verb.WITNESS: frozenset({Role.NODE, Role.AUDITOR}),
}
"""A role that does not stand beside a verb may not do it."""


@dataclass(frozen=True, slots=True)
class Caller:
    """Who asks, and for which cities: their own, those they host, or those in an auditor's scope."""

    request: VerifiedRequest
    owner: str
    role: Role
    cities: frozenset[str]

    @property
    def kid(self) -> str:
        return self.request.kid


def identify(request: VerifiedRequest, key: TrustedKey, trust: Trust, node: str) -> Caller:
    """What a trusted key makes of a request's sender.

    Raises: Problem `not-allowed` for a key whose use is not to sign requests.
    """
    match (key.owner_kind, key.use):
        case ("city", "sign"):
            hosted = key.owner in trust.hosted_by(node)
            role = Role.HOSTED_SYSTEM if hosted else Role.OTHER_SYSTEM
            return Caller(request, key.owner, role, frozenset({key.owner}))
        case ("node", "node"):
            return Caller(request, key.owner, Role.NODE, trust.hosted_by(key.owner))
        case ("auditor", "audit"):
            return Caller(request, key.owner, Role.AUDITOR, trust.auditors[key.owner].scope)
        case _:
            raise Problem(Code.NOT_ALLOWED, f"a key for use '{key.use}' does not sign requests")


def check_verb(caller: Caller, verb: Verb, trust: Trust) -> None:
    """Refuse what the table does not admit; a system of a city that another node hosts is told which.

    Raises: Problem `not-allowed`.
    """
    if caller.role in VERBS[verb]:
        return
    said = f"a key of this role ({caller.role}) may not {verb}"
    if caller.role is Role.OTHER_SYSTEM:
        said = f"{caller.owner} is hosted by {trust.cities[caller.owner].node}: {said} here"
    raise Problem(Code.NOT_ALLOWED, said)


def may_follow(caller: Caller, sender: str) -> bool:
    """Whether the caller may learn how far a record got: its sender, and auditors."""
    return caller.role is Role.AUDITOR or sender in caller.cities


@dataclass(frozen=True, slots=True)
class Admission:
    """What a record is judged by: itself, the key that signed it, the agreement it names, and the time."""

    record: Record
    key: TrustedKey
    trust: Trust
    agreement: Agreement | None
    now: datetime


def _key_signs(case: Admission) -> Problem | None:
    if case.key.use != "sign" or case.key.owner_kind != "city":
        return Problem(Code.NOT_ALLOWED, f"a key for use '{case.key.use}' does not sign records")
    return None


def _key_is_of_sender(case: Admission) -> Problem | None:
    if case.key.owner != case.record.sender:
        return Problem(Code.NOT_ALLOWED, "the record is signed by a key of another city", where="/from")
    return None


def _key_is_valid(case: Admission) -> Problem | None:
    if not case.key.valid_at(case.record.issued_at, case.now):
        return Problem(
            Code.UNKNOWN_KEY,
            "the key was not valid when the record was issued, or is revoked",
            where="/issued_at",
        )
    return None


def _key_may_sign_kind(case: Admission) -> Problem | None:
    if not case.key.may_sign(case.record.kind):
        return Problem(Code.NOT_ALLOWED, "the key may not sign records of this kind", where="/kind")
    return None


def _issued_in_time(case: Admission) -> Problem | None:
    if case.record.issued_at > case.now + timedelta(seconds=CLOCK_SKEW_SECONDS):
        return Problem(
            Code.STALE,
            f"issued more than {CLOCK_SKEW_SECONDS} s ahead of the node's clock",
            where="/issued_at",
        )
    return None


def _not_expired(case: Admission) -> Problem | None:
    if case.record.expires_at is not None and case.record.expires_at <= case.now:
        return Problem(Code.STALE, "the record was to be forgotten before it came", where="/expires_at")
    return None


def _recipients_exist(case: Admission) -> Problem | None:
    for place, city in enumerate(case.record.recipients):
        if city not in case.trust.cities:
            return Problem(Code.NO_AGREEMENT, "a recipient is not in the trust list", where=f"/to/{place}")
    return None


def _agreement_exists(case: Admission) -> Problem | None:
    if case.agreement is None:
        return Problem(Code.NO_AGREEMENT, "there is no agreement of this id", where="/agreement")
    return None


def _all_are_parties(case: Admission) -> Problem | None:
    assert case.agreement is not None
    if case.record.sender not in case.agreement.parties:
        return Problem(Code.NO_AGREEMENT, "the sender is not a party to the agreement", where="/from")
    for place, city in enumerate(case.record.recipients):
        if city not in case.agreement.parties:
            return Problem(
                Code.NO_AGREEMENT, "a recipient is not a party to the agreement", where=f"/to/{place}"
            )
    return None


def _kind_is_listed(case: Admission) -> Problem | None:
    assert case.agreement is not None
    if case.record.kind not in case.agreement.kinds:
        return Problem(Code.NO_AGREEMENT, "the agreement does not list this kind", where="/kind")
    return None


def _agreement_is_in_force(case: Admission) -> Problem | None:
    assert case.agreement is not None
    if not case.agreement.in_force(case.now):
        return Problem(Code.NO_AGREEMENT, "the agreement is not in force now", where="/agreement")
    return None


def _marking_is_admitted(case: Admission) -> Problem | None:
    assert case.agreement is not None
    if not allows(case.agreement.highest_marking, case.record.marking):
        return Problem(Code.NO_AGREEMENT, "the marking is above the agreement's highest", where="/marking")
    return None


def _sealed_to_all(case: Admission) -> Problem | None:
    if case.record.sealed is None:
        return None
    cities = set()
    for place, kid in enumerate(check_shape(case.record.sealed)):
        key = case.trust.key(kid)
        if key is None or key.use != "seal" or not key.valid_at(case.record.issued_at, case.now):
            return Problem(
                Code.INVALID, "not a valid seal key of the trust list", where=f"/sealed/recipients/{place}"
            )
        cities.add(key.owner)
    wanted = {case.record.sender, *case.record.recipients}
    if cities != wanted:
        return Problem(
            Code.INVALID,
            "must be sealed to the sender and every recipient, and nobody else",
            where="/sealed/recipients",
        )
    return None


RULES: tuple[Callable[[Admission], Problem | None], ...] = (
    _key_signs,
    _key_is_of_sender,
    _key_is_valid,
    _key_may_sign_kind,
    _issued_in_time,
    _not_expired,
    _recipients_exist,
    _agreement_exists,
    _all_are_parties,
    _kind_is_listed,
    _agreement_is_in_force,
    _marking_is_admitted,
    _sealed_to_all,
)
"""All must hold (the wire contract, section 7). `now` is when the record is accepted; by federation, the time
of the origin's entry."""


def admit(record: Record, key: TrustedKey, trust: Trust, now: datetime) -> Agreement:
    """The agreement under which `record` flows.

    Raises: the Problem of the first rule that does not hold.
    """
    case = Admission(record, key, trust, trust.agreements.get(record.agreement), now)
    for rule in RULES:
        problem = rule(case)
        if problem is not None:
            raise problem
    assert case.agreement is not None
    return case.agreement
