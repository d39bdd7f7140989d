"""What is dangerous in a draft of the trust repository, told before anybody signs.

A warning refuses nothing: a city may have to be struck out, a key revoked for a time that has passed. It says what
follows, so that nobody signs it without having read it. What a node would refuse never comes so far.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from hub.cli.output import local
from hub.cli.trust_shown import WARN_BEFORE
from hub.cli.trust_words import Names, capital, days_left
from hub.translation import _
from keys.role_files import encode_target
from keys.signer_list import OFFLINE
from keys.trust_documents import Documents, InForce
from keys.trust_draft import Draft
from keys.trust_list import AgreementList, TrustedKey, TrustList
from keys.trust_schema import parse_agreements, parse_trust_list
from schemas.markings import allows

SOON: Final = timedelta(days=30)
SIGNED_WITHIN: Final = timedelta(days=7)
"""How long a draft may go from hand to hand before a revocation in it counts as one from the past."""


def dangers(base: InForce | None, draft: Draft, now: datetime) -> list[str]:
    """Every warning, the gravest kinds first."""
    names = Names(base, draft)
    after = _Read(draft.documents)
    before = None if base is None else _Read(base.documents)
    found = [*_signers(before, after, names), *_cities(before, after, names, now)]
    found += [
        *_nodes(before, after),
        *_keys(before, after, names, now),
        *_revocations(before, after, names, draft, now),
        *_agreements(before, after, names, now),
    ]
    return [capital(said) for said in (*found, *_expiry(base, draft, now))]


class _Read:
    """Documents that were checked, as a node reads them."""

    def __init__(self, documents: Documents) -> None:
        self.trust_list: TrustList = parse_trust_list(encode_target(documents.trust_list))
        self.agreements: AgreementList = parse_agreements(encode_target(documents.agreements))
        self.signers: list[Mapping[str, Any]] = documents.signers["signers"]
        self.thresholds: Mapping[str, int] = documents.signers["thresholds"]
        self.keys = {key.kid: key for key in self.trust_list.keys()}  # noqa: SIM118 (its keys, not a mapping's)

        self.owners = {*self.trust_list.cities, *self.trust_list.nodes, *self.trust_list.auditors}

    def holders(self, role: str) -> set[str]:
        return {signer["kid"] for signer in self.signers if role in signer["roles"]}


def _signers(before: _Read | None, after: _Read, names: Names) -> Iterator[str]:
    for role in OFFLINE:
        holders, wanted = after.holders(role), after.thresholds[role]
        if before is not None and wanted < before.thresholds[role]:
            yield _("Fewer signatures than before are needed for {role}.").format(role=role)
        if wanted == 1:
            yield _("A single key can sign {role} alone.").format(role=role)
        elif wanted == len(holders):
            said = _("Every key is needed for {role}: with one key lost it can never be signed again.")
            yield said.format(role=role)
        if before is not None and len(before.holders(role) - holders) >= before.thresholds[role]:
            said = _("As many signers of {role} are removed as could sign it alone.")
            yield said.format(role=role)
        counted = Counter(each["city"] for each in after.signers if role in each["roles"] and each["city"])
        for city, count in counted.items():
            if wanted > 1 and count >= wanted:
                said = _("City {city} alone holds enough keys to sign {role}.")
                yield said.format(city=names.city(city), role=role)
    for signer in after.signers:
        offline = set(OFFLINE) & set(signer["roles"])
        if offline and len(offline) < len(signer["roles"]):
            said = _("One and the same {signer} signs for the cities and for the operator.")
            yield said.format(signer=names.signer(signer["kid"]))
        if not offline:
            continue
        if _unplaced(before, signer):
            continue
        if signer["city"] is None:
            said = _("Nobody knows from the repository which city holds {signer}.")
            yield said.format(signer=names.signer(signer["kid"]))
        elif signer["city"] not in after.trust_list.cities:
            said = _("{signer} signs, and its city is not in the trust list.")
            yield said.format(signer=names.signer(signer["kid"]))


def _unplaced(before: _Read | None, signer: Mapping[str, Any]) -> bool:
    """Whether a signer was of no city, or of one that was not listed, before: that was told then."""
    if before is None:
        return False
    same = {**signer, "roles": None} in [{**each, "roles": None} for each in before.signers]
    return same and signer["city"] not in before.trust_list.cities


def _cities(before: _Read | None, after: _Read, names: Names, now: datetime) -> Iterator[str]:
    for code in () if before is None else before.trust_list.cities.keys() - after.trust_list.cities.keys():
        said = _(
            "City {city} goes with all its keys: records that it signed no longer verify with the new list. Keep the "
            "repository that is in force now as evidence, or revoke the keys and leave the city in the list."
        )
        yield said.format(city=names.city(code))
    yield from () if before is None else _moves(before, after, names)
    for code, city in after.trust_list.cities.items():
        valid = {key.use for key in city.keys if key.valid_at(now, now)}
        if "sign" not in valid:
            said = _("City {city} has no valid key that signs records: nothing of it will be accepted.")
            yield said.format(city=names.city(code))
        if "seal" not in valid:
            said = _("City {city} has no valid key to seal to: nothing with a sealed part can be sent to it.")
            yield said.format(city=names.city(code))


def _moves(before: _Read, after: _Read, names: Names) -> Iterator[str]:
    for code, city in after.trust_list.cities.items():
        old = before.trust_list.cities.get(code)
        if old is None:
            continue
        if city.node != old.node and city.hosted_before[-1:] == (old.node,):
            said = _(
                "City {city} moves to node {new}, which takes nothing of it or for it until it has the hand-over of "
                "node {old} (hub city move). Give the new list to {new} first, then to {old}, then to the others."
            )
            yield said.format(city=names.city(code), new=city.node, old=old.node)
        elif city.node != old.node:
            said = _(
                "City {city} moves to node {new} without a hand-over: what {old} holds for it stays there, and may be "
                "lost to it or come twice (--move-city moves it with one)."
            )
            yield said.format(city=names.city(code), new=city.node, old=old.node)
        for name in set(old.hosted_before) - {*city.hosted_before, city.node}:
            said = _("Records of city {city} that node {name} accepted are no longer taken from there.")
            yield said.format(city=names.city(code), name=name)


def _nodes(before: _Read | None, after: _Read) -> Iterator[str]:
    if before is None:
        return
    if after.trust_list.quorum < before.trust_list.quorum:
        yield _("Fewer cosignatures than before are wanted on a checkpoint.")
    for name, node in before.trust_list.nodes.items():
        new = after.trust_list.nodes.get(name)
        if new is None:
            yield _("Node {name} is no longer in the list: its log cannot be verified with it.").format(
                name=name
            )
        elif new.log != node.log:
            said = _(
                "The log of node {name} gets another key: everything that it signed before no longer verifies."
            )
            yield said.format(name=name)


def _keys(before: _Read | None, after: _Read, names: Names, now: datetime) -> Iterator[str]:
    for kid, key in after.keys.items():
        called = names.key(kid, _owner(key, names))
        old = None if before is None else before.keys.get(kid)
        if old is not None:
            yield from _shortened(old, key, called, now)
        if key.revoked_at is None and now < key.not_after <= now + SOON:
            yield _("In {days} days ends {key}.").format(days=days_left(key.not_after, now), key=called)
    for kid, key in {} if before is None else before.keys.items():
        if kid not in after.keys and key.owner in after.owners:
            said = _(
                "Struck out, not ended: {key}. What it signed no longer verifies with the new list; "
                "revoking it keeps that."
            )
            yield said.format(key=names.key(kid, _owner(key, names)))


def _revocations(
    before: _Read | None, after: _Read, names: Names, draft: Draft, now: datetime
) -> Iterator[str]:
    """Keys that are revoked from a time that has passed. While officers sign, the time of the proposal passes, too:
    that is told once, and milder than a time before it."""
    begun = now if draft.begun_at is None else max(draft.begun_at, now - SIGNED_WITHIN)
    proposed = []
    for kid, old in {} if before is None else before.keys.items():
        new = after.keys.get(kid)
        if new is None or new.revoked_at is None or new.revoked_at > now:
            continue
        if old.revoked_at is not None and new.revoked_at >= old.revoked_at:
            continue
        if new.revoked_at >= begun:
            proposed.append(new.revoked_at)
            continue
        said = _(
            "Revoked from a time that has passed: {key}. What was accepted since then no longer verifies."
        )
        yield said.format(key=names.key(kid, _owner(new, names)))
    if proposed:
        said = _(
            "Keys are revoked from the proposal on, {time}: sign and publish without delay, for what is accepted in "
            "between no longer verifies."
        )
        yield said.format(time=local(min(proposed)))


def _shortened(old: TrustedKey, new: TrustedKey, called: str, now: datetime) -> Iterator[str]:
    """What becomes of records that a key signed already."""
    if old.revoked_at is not None and (new.revoked_at is None or new.revoked_at > old.revoked_at):
        yield _("A revocation is taken back or put off: {key}.").format(key=called)
    if new.not_after <= now < old.not_after or new.not_before > old.not_before:
        said = _(
            "Valid for a shorter time than before, in the past too: {key}. What it signed then no longer verifies."
        )
        yield said.format(key=called)


def _agreements(before: _Read | None, after: _Read, names: Names, now: datetime) -> Iterator[str]:
    for named, agreement in after.agreements.agreements.items():
        old = None if before is None else before.agreements.agreements.get(named)
        if old is not None and not allows(old.highest_marking, agreement.highest_marking):
            said = _("Agreement {agreement} lets more closely held records flow than before.")
            yield said.format(agreement=names.agreement(named))
        if old is not None and agreement.parties - old.parties:
            said = _(
                "Agreement {agreement} gains parties: they may get what others send under it from then on."
            )
            yield said.format(agreement=names.agreement(named))
        if now < agreement.valid_until <= now + SOON:
            said = _("In {days} days ends agreement {agreement}.")
            yield said.format(days=days_left(agreement.valid_until, now), agreement=names.agreement(named))


def _expiry(base: InForce | None, draft: Draft, now: datetime) -> Iterator[str]:
    drafted = draft.roles()
    for role in OFFLINE:
        held = drafted.get(role) or (None if base is None else base.root if role == "root" else base.targets)
        if held is None:
            continue
        until = held.signed.expires.replace(tzinfo=UTC)
        if until > now + WARN_BEFORE[role]:
            continue
        if role in drafted:
            said = _("The {role} that is to be signed holds {days} days only.")
        else:
            said = _(
                "The {role} in force ends in {days} days, and this draft does not renew it (--renew {role})."
            )
        yield said.format(role=role, days=days_left(until, now))


def _owner(key: TrustedKey, names: Names) -> str:
    if key.owner_kind == "city":
        return _("city {city}").format(city=names.city(key.owner))
    if key.owner_kind == "node":
        return _("node {name}").format(name=key.owner)
    return _("auditor {name}").format(name=key.owner)
