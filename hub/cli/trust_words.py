"""A change of the trust repository as a sentence, with names beside codes, in the language in use.

1. Every change has a sentence: the usual ones their own, all others name subject, member and both values.
2. What stands in a draft comes from elsewhere: it is shown with what would be unseen made visible (`hub.sheet`).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, Final

from hub import sheet
from hub.cli.output import city_name, listing, local
from hub.translation import _, language, mark
from keys.role_files import city_of, verify_key_of
from keys.signer_list import OFFLINE, ROLES, SIGNERS_FILE
from keys.trust_changes import Change
from keys.trust_documents import InForce
from keys.trust_draft import Draft
from keys.trust_list import AGREEMENTS_FILE, TRUST_LIST_FILE
from schemas.kinds import KINDS
from schemas.labels import label

MEMBERS: Final = {
    "name": mark("name"),
    "province": mark("province"),
    "node": mark("hosting node"),
    "hosted_before": mark("nodes that hosted it before"),
    "url": mark("address"),
    "log": mark("key of the log"),
    "witness": mark("key of the witness"),
    "scope": mark("cities in scope"),
    "use": mark("use"),
    "system": mark("system"),
    "kinds": mark("kinds"),
    "not_before": mark("valid from"),
    "not_after": mark("valid until"),
    "revoked_at": mark("revoked from"),
    "title": mark("title"),
    "parties": mark("parties"),
    "purpose": mark("purpose"),
    "legal_basis": mark("legal basis"),
    "highest_marking": mark("highest marking"),
    "retention_days": mark("days kept"),
    "valid_from": mark("in force from"),
    "valid_until": mark("in force until"),
    "city": mark("holder's city"),
    "roles": mark("signed roles"),
}
USES: Final = {
    "sign": mark("signs records"),
    "seal": mark("opens sealed parts"),
    "node": mark("signs the node's requests and answers"),
    "audit": mark("reads logs"),
}
DOCUMENTS: Final = {
    TRUST_LIST_FILE: mark("Trust list"),
    AGREEMENTS_FILE: mark("Agreements"),
    SIGNERS_FILE: mark("Signers"),
}
_TIMES: Final = frozenset({"not_before", "not_after", "revoked_at", "valid_from", "valid_until"})
_CITIES: Final = frozenset({"parties", "scope"})


class Names:
    """Names for codes and key ids, out of what is in force and of what is drafted."""

    def __init__(self, base: InForce | None, draft: Draft) -> None:
        self._agreements: dict[str, str] = {}
        self._cities: dict[str, str] = {}
        self._uses: dict[str, str] = {}
        self._holders: dict[str, tuple[str, str | None]] = {}
        for documents in (None if base is None else base.documents, draft.documents):
            if documents is None:
                continue
            trust_list = documents.trust_list
            self._cities.update((city["code"], city["name"]) for city in trust_list["cities"])
            self._agreements.update(
                (each["id"], each["title"]) for each in documents.agreements["agreements"]
            )
            for owner in (*trust_list["cities"], *trust_list["nodes"], *trust_list["auditors"]):
                self._uses.update((key["kid"], key["use"]) for key in owner["keys"])
        for root in (None if base is None else base.root, draft.root):
            for key_id, key in {} if root is None else root.signed.keys.items():
                self._holders[key_id] = (verify_key_of(key).kid, city_of(key))
        self._signers = {
            signer["kid"]: signer["city"]
            for documents in (None if base is None else base.documents, draft.documents)
            if documents is not None
            for signer in documents.signers["signers"]
        }

    def city(self, code: str) -> str:
        """A city's code and name."""
        named = city_name(code)
        return sheet.visible(named if named != code else f"{code} {self._cities.get(code, '')}".strip())

    def cities(self, codes: Iterable[str]) -> str:
        return listing(self.city(code) for code in sorted(codes))

    def agreement(self, named: str) -> str:
        """An agreement's id and title."""
        return sheet.visible(_("{id} ({title})").format(id=named, title=self._agreements.get(named, "")))

    def key(self, kid: str, owner: str) -> str:
        """A key of an owner of the trust list."""
        use = self._uses.get(kid, "")
        use = _(USES[use]) if use in USES else sheet.visible(use)
        return _("key {kid} of {owner} ({use})").format(kid=kid, owner=owner, use=use)

    def signer(self, kid: str) -> str:
        """A signer of the repository: the holder's city, and the key."""
        city = self._signers.get(kid)
        if city is None:
            return _("key {kid} (no city named)").format(kid=kid)
        return _("key {kid} ({city})").format(kid=kid, city=self.city(city))

    def holder(self, key_id: str) -> str:
        """The same by TUF's own id of the key."""
        held = self._holders.get(key_id)
        if held is None:
            return _("unknown key {kid}").format(kid=sheet.visible(key_id[:80]))
        return self.signer(held[0])

    def member(self, key_id: str) -> dict[str, str | None]:
        """The same for a program."""
        kid, city = self._holders.get(key_id, (None, None))
        return {"kid": kid, "city": city}


def sentence(change: Change, names: Names) -> str:
    """What one change means."""
    if change.document in OFFLINE:
        return _of_role(change)
    document = _(DOCUMENTS[change.document])
    if not change.where:
        return _("{document}: says the same in another order").format(document=document)
    if change.where == ("version",):
        said = _("{document}: version {before} becomes {after}")
        return said.format(document=document, before=_shown(change.before), after=change.after)
    if change.where[0] == "thresholds":
        said = _("Signatures needed for {role}: {before} become {after}")
        return said.format(role=change.where[1], before=_shown(change.before), after=change.after)
    if change.where == ("quorum",):
        said = _("Cosignatures wanted on a checkpoint: {before} become {after}")
        return said.format(before=change.before, after=change.after)
    if len(change.where) % 2 == 0:
        return _come_or_gone(change, names)
    subject, member = _subject(change.where[:-1], names), change.where[-1]
    if member == "revoked_at" and change.before is None:
        said = _("{subject}: revoked from {time}")
        return capital(said.format(subject=subject, time=local(change.after)))
    if member == "revoked_at" and change.after is None:
        said = _("{subject}: the revocation from {time} is taken back")
        return capital(said.format(subject=subject, time=local(change.before)))
    if member == "node":
        said = _("{subject}: moves from node {before} to node {after}")
        return capital(said.format(subject=subject, before=change.before, after=change.after))
    return capital(_member(subject, member, change, names))


def threshold_lines(base: InForce | None, draft: Draft) -> list[str]:
    """For each role how many of how many keys sign it, and how many did before."""

    def counts(signers: Mapping[str, Any], role: str) -> tuple[int, int]:
        holders = sum(role in signer["roles"] for signer in signers["signers"])
        return signers["thresholds"][role], holders

    lines = []
    for role in ROLES:
        m, n = counts(draft.documents.signers, role)
        if base is None:
            lines.append(_("Signatures for {role}: {m} of {n}").format(role=role, m=m, n=n))
            continue
        old_m, old_n = counts(base.documents.signers, role)
        if (m, n) == (old_m, old_n):
            lines.append(_("Signatures for {role}: {m} of {n}, unchanged").format(role=role, m=m, n=n))
        else:
            said = _("Signatures for {role}: {m} of {n}, before {old_m} of {old_n}")
            lines.append(said.format(role=role, m=m, n=n, old_m=old_m, old_n=old_n))
    return lines


def value(member: str, held: Any, names: Names) -> str:
    """A member's value for a person."""
    if held is None:
        return _("none")
    if member in _TIMES:
        return local(held)
    if member in _CITIES:
        return names.cities(held)
    if member == "kinds" and {name for name, _version in KINDS} == set(held):
        return _("all kinds")
    if member == "kinds":
        return sheet.visible(listing(label("kind", kind, language()) for kind in sorted(held)))
    if member == "highest_marking":
        return f"{held} {label('marking', held, language())}"
    if member == "city":
        return names.city(held)
    if isinstance(held, list):
        return sheet.visible(listing(map(str, held)))
    return sheet.visible(str(held))


def _of_role(change: Change) -> str:
    role, member = change.document, change.where[0]
    if member == "expires":
        until = local(change.after)
        if change.before is None:
            return _("To be signed: {role}, which then holds until {time}").format(role=role, time=until)
        said = _("To be signed: {role}, which then holds until {time} (the one in force: {before})")
        return said.format(role=role, time=until, before=local(change.before))
    after = sheet.visible(str(change.after))
    if change.before is None and member == "version":
        return _("To be signed: {role}, the first, with version {after}").format(role=role, after=after)
    if change.before is None:
        said = _("To be signed: {role}, in the form of version {after} of the TUF specification")
        return said.format(role=role, after=after)
    if member == "version":
        said = _("To be signed: {role} version {after}, after version {before}")
    else:
        said = _(
            "To be signed: {role}, in the form of version {after} of the TUF specification, before of {before}"
        )
    return said.format(role=role, before=_shown(change.before), after=after)


def _come_or_gone(change: Change, names: Names) -> str:
    """An owner, a key, an agreement or a signer that is new or no longer there, with all that it says."""
    group, identity = change.where[-2], change.where[-1]
    new = change.before is None
    held = change.after if new else change.before
    if group == "signers":
        said = (
            _("Signer added: {signer}, for {roles}")
            if new
            else _("Signer removed: {signer}, who signed {roles}")
        )
        return said.format(signer=names.signer(identity), roles=listing(held["roles"]))
    if group == "cities":
        words = {each: sheet.visible(held[each]) for each in ("name", "province", "node")}
        if names.city(identity) == f"{identity} {words['name']}":
            said = (
                _("New city {city} ({province}), hosted by node {node}")
                if new
                else _("City removed: {city} ({province}), which node {node} hosted")
            )
        else:
            said = (
                _("New city {city} ({name}, {province}), hosted by node {node}")
                if new
                else _("City removed: {city} ({name}, {province}), which node {node} hosted")
            )
        said = said.format(city=names.city(identity), **words)
        earlier = held.get("hosted_before")
        if not earlier:
            return said
        before = _("{member} {value}").format(
            member=_(MEMBERS["hosted_before"]), value=value("hosted_before", earlier, names)
        )
        return f"{said}; {before}" if language() == "en" else f"{said}；{before}"
    subject = _subject(change.where, names)
    said = _("New: {subject}: {members}") if new else _("Removed: {subject}: {members}")
    members = [
        _("{member} {value}").format(member=_(MEMBERS[member]), value=value(member, held[member], names))
        for member in MEMBERS
        if held.get(member) is not None and member not in ("name", "use", "title")
    ]
    return said.format(
        subject=subject, members="; ".join(members) if language() == "en" else "；".join(members)
    )


def _subject(where: Sequence[str], names: Names) -> str:
    group, identity = where[-2], where[-1]
    if group == "keys":
        return names.key(identity, _subject(where[:-2], names))
    if group == "cities":
        return _("city {city}").format(city=names.city(identity))
    if group == "nodes":
        return _("node {name}").format(name=identity)
    if group == "auditors":
        return _("auditor {name}").format(name=identity)
    if group == "signers":
        return _("signer {signer}").format(signer=names.signer(identity))
    return _("agreement {agreement}").format(agreement=names.agreement(identity))


def _member(subject: str, member: str, change: Change, names: Names) -> str:
    called = _(MEMBERS[member]) if member in MEMBERS else sheet.visible(member)
    old, new = _listed(change.before, member), _listed(change.after, member)
    if isinstance(old, list) and isinstance(new, list) and set(old) != set(new):
        parts = []
        for said, items in (
            (_("adds {items}"), set(new) - set(old)),
            (_("loses {items}"), set(old) - set(new)),
        ):
            if items:
                parts.append(said.format(items=_apart(value(member, sorted(items), names))))
        told = listing(parts)
        return _("{subject}: {member} {told}").format(subject=subject, member=called, told=told)
    before, after = value(member, change.before, names), value(member, change.after, names)
    if before == after:
        before, after = _shown(change.before), _shown(change.after)
    said = _("{subject}: {member} changes from {before} to {after}")
    return said.format(subject=subject, member=called, before=before, after=after)


def _listed(held: Any, member: str) -> Any:
    """A list's value; where the member may be absent, an empty one then."""
    return [] if held is None and member == "hosted_before" else held


def _apart(text: str) -> str:
    """What follows a Chinese word immediately: Latin letters and digits stand apart from it, Chinese does not."""
    return f" {text}" if language() == "zh" and text[:1].isascii() else text


def _shown(held: Any) -> str:
    return _("none") if held is None else sheet.visible(str(held))


def capital(text: str) -> str:
    """A sentence begins with a capital letter, where there are such."""
    return text[:1].upper() + text[1:] if language() == "en" else text


def days_left(until: datetime, now: datetime) -> int:
    """Whole days until then, none for what is past."""
    return max(0, (until - now).days)
