"""The usual changes of trust list, agreements and signers, so that nobody need edit JSON by hand.

1. An edit changes documents (`keys.trust_documents`) in place and checks only what it must find or must not find;
   the whole is read as a node reads it afterwards.
2. A city that goes takes with it what only it had: its node, its place in agreements and auditors' scopes, and its
   officers' keys among the signers.
3. What ended is ended and not deleted (a key by `not_after` or `revoked_at`, an agreement by `valid_until`), so that
   what it covered stays verifiable.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from typing import Any, Final

from hub.errors import Code, Problem
from keys.signer_list import ROLES
from keys.suite import verify_key_from_jwk
from keys.trust_documents import Documents
from schemas.divisions import CITIES

_OWNERS: Final = (("cities", "code"), ("nodes", "name"), ("auditors", "name"))
_IDENTITY: Final = {"city": "code", "node": "name", "agreement": "id", "signer": "kid"}
_CARRIED: Final = ("use", "system", "kinds")
"""What a new key takes over from the one that it replaces."""


def add_node(documents: Documents, node: Mapping[str, Any]) -> None:
    """Add a node as `hub init` prints it. Raises `Problem` CONFLICT, INVALID."""
    _check_absent(documents.trust_list["nodes"], "name", _text(node, "name"))
    keys = node.get("keys")
    if not isinstance(keys, list) or not all(isinstance(key, dict) for key in keys):
        raise Problem(Code.INVALID, "a node has keys, as `hub init` prints it", where="/keys")
    documents.trust_list["nodes"].append(dict(node))


def add_city(documents: Documents, code: str, node: str) -> None:
    """Add a city, hosted by a node, without keys yet. Raises `Problem` CONFLICT; NOT_FOUND for an unknown code."""
    _check_absent(documents.trust_list["cities"], "code", code)
    known = CITIES.get(code)
    if known is None:
        raise Problem(
            Code.NOT_FOUND,
            f"no city of code {code} is known by name: write it into trust-list.json of the draft",
        )
    documents.trust_list["cities"].append(
        {"code": code, "name": known.zh, "province": known.province_zh, "node": node, "keys": []}
    )


def move_city(documents: Documents, code: str, node: str) -> None:
    """Have another node host a city; the one that did is named as one that hosted it before, the last one last.

    Raises `Problem` NOT_FOUND, CONFLICT where the node hosts it already.
    """
    city = _found(documents.trust_list["cities"], "city", code)
    if city["node"] == node:
        raise Problem(Code.CONFLICT, f"{node} hosts the city already")
    _found(documents.trust_list["nodes"], "node", node)
    before = [each for each in city.get("hosted_before") or () if each not in (node, city["node"])]
    city["hosted_before"] = [*before, city["node"]]
    city["node"] = node


def remove_city(documents: Documents, code: str) -> None:
    """Strike a city out, and all that was there for it alone. Raises `Problem` NOT_FOUND."""
    trust_list = documents.trust_list
    city = _found(trust_list["cities"], "city", code)
    trust_list["cities"].remove(city)
    others = {name for each in trust_list["cities"] for name in _hosts(each)}
    alone = set(_hosts(city)) - others
    trust_list["nodes"] = [node for node in trust_list["nodes"] if node["name"] not in alone]
    for auditor in trust_list["auditors"]:
        auditor["scope"] = [each for each in auditor["scope"] if each != code]
    trust_list["auditors"] = [auditor for auditor in trust_list["auditors"] if auditor["scope"]]
    for agreement in documents.agreements["agreements"]:
        agreement["parties"] = [party for party in agreement["parties"] if party != code]
    documents.agreements["agreements"] = [
        agreement for agreement in documents.agreements["agreements"] if len(agreement["parties"]) > 1
    ]
    documents.signers["signers"] = [
        signer for signer in documents.signers["signers"] if signer.get("city") != code
    ]


def add_auditor(documents: Documents, name: str, scope: Iterable[str]) -> None:
    """Add an auditor for these cities, without keys yet. Raises `Problem` CONFLICT."""
    _check_absent(documents.trust_list["auditors"], "name", name)
    documents.trust_list["auditors"].append({"name": name, "keys": [], "scope": list(scope)})


def add_key(
    documents: Documents,
    owner: str,
    key: Mapping[str, Any],
    *,
    system: str | None,
    kinds: Iterable[str],
    not_before: datetime,
    not_after: datetime,
) -> None:
    """Add a key, as `hub keys show` prints it, to a city, a node or an auditor.

    A witness's verifier key takes the place of the old one. `system` (without the city's code) and `kinds` are for
    keys that sign records. Raises `Problem` NOT_FOUND, NOT_ALLOWED, INVALID.
    """
    where, holder = _owner(documents, owner)
    if "log" in key:
        raise Problem(
            Code.NOT_ALLOWED, "a log keeps its key for good; a new log is a new node under a new name"
        )
    if "witness" in key:
        if where != "nodes":
            raise Problem(Code.INVALID, f"{owner} is no node; only a node has a witness")
        holder["witness"] = key["witness"]
        return
    listed = dict(key)
    if listed.get("use") == "sign":
        if listed.get("system") is None and system is not None:
            listed["system"] = f"{owner}/{system}"
        if listed.get("kinds") is None:
            listed["kinds"] = sorted(kinds) or None
    holder["keys"].append(_dated(listed, not_before, not_after))


def replace_key(
    documents: Documents,
    kid: str,
    key: Mapping[str, Any],
    *,
    not_before: datetime,
    not_after: datetime,
    old_until: datetime,
) -> None:
    """Add a key beside the one that it replaces, for the same use, and end the old one at `old_until`.

    Raises `Problem` NOT_FOUND, INVALID.
    """
    owner, old = _key(documents, kid)
    named = key.get("use")
    if named is not None and named != old.get("use"):
        raise Problem(Code.INVALID, "the new key is for another use than the old one")
    carried = {name: old[name] for name in _CARRIED if old.get(name) is not None}
    owner["keys"].append(_dated({**key, **carried}, not_before, not_after))
    if _time(old.get("not_after")) > old_until:
        old["not_after"] = _written(old_until)


def revoke(documents: Documents, whose: str, at: datetime) -> None:
    """Revoke a key, or all keys of a city, node or auditor. Raises `Problem` NOT_FOUND."""
    owners = [
        each
        for group, identity in _OWNERS
        for each in documents.trust_list[group]
        if each[identity] == whose and each["keys"]
    ]
    keys = [key for owner in owners for key in owner["keys"]] or [
        _key(documents, whose, "key, city, node or auditor")[1]
    ]
    for key in keys:
        if key.get("revoked_at") is None or _time(key["revoked_at"]) > at:
            key["revoked_at"] = _written(at)


def set_agreement(documents: Documents, agreement: Mapping[str, Any]) -> None:
    """Add an agreement, or put it in the place of the one with its id. Raises `Problem` INVALID."""
    listed = documents.agreements["agreements"]
    named = _text(agreement, "id")
    for place, held in enumerate(listed):
        if held["id"] == named:
            listed[place] = dict(agreement)
            return
    listed.append(dict(agreement))


def add_party(documents: Documents, named: str, code: str) -> None:
    """Make a city party to an agreement; one that is already stays. Raises `Problem` NOT_FOUND."""
    _found(documents.trust_list["cities"], "city", code)
    parties = _found(documents.agreements["agreements"], "agreement", named)["parties"]
    if code not in parties:
        parties.append(code)


def end_agreement(documents: Documents, named: str, at: datetime) -> None:
    """End an agreement; one that has not begun by then is struck out. Raises `Problem` NOT_FOUND."""
    agreement = _found(documents.agreements["agreements"], "agreement", named)
    if _time(agreement.get("valid_from")) >= at:
        documents.agreements["agreements"].remove(agreement)
    elif _time(agreement.get("valid_until")) > at:
        agreement["valid_until"] = _written(at)


def add_signer(documents: Documents, city: str | None, key: Mapping[str, Any], roles: Iterable[str]) -> None:
    """Have a key sign roles of the repository, beside those that it signs already. Raises `Problem` MALFORMED."""
    held = verify_key_from_jwk(key["jwk"]) if isinstance(key.get("jwk"), dict) else None
    if held is None:
        raise Problem(Code.MALFORMED, "a signer's key is shown by `hub keys show`, with its jwk")
    signers = documents.signers["signers"]
    for signer in signers:
        if signer["kid"] == held.kid:
            signer["roles"] = [role for role in ROLES if role in {*signer["roles"], *roles}]
            signer["city"] = city if city is not None else signer.get("city")
            return
    signers.append(
        {
            "city": city,
            "jwk": held.jwk,
            "kid": held.kid,
            "roles": [role for role in ROLES if role in set(roles)],
        }
    )


def remove_signer(documents: Documents, kid: str) -> None:
    """Take a key out of all roles. Raises `Problem` NOT_FOUND."""
    documents.signers["signers"].remove(_found(documents.signers["signers"], "signer", kid))


def set_threshold(documents: Documents, role: str, wanted: int) -> None:
    """How many signatures a role needs."""
    documents.signers["thresholds"][role] = wanted


def _hosts(city: Mapping[str, Any]) -> list[str]:
    """The node that hosts a city, and those that hosted it before."""
    return [city["node"], *(city.get("hosted_before") or ())]


def _owner(documents: Documents, named: str) -> tuple[str, dict[str, Any]]:
    for group, identity in _OWNERS:
        for each in documents.trust_list[group]:
            if each[identity] == named:
                return group, each
    raise Problem(Code.NOT_FOUND, f"there is no city, node or auditor {named} in the trust list")


def _key(documents: Documents, kid: str, what: str = "key") -> tuple[dict[str, Any], dict[str, Any]]:
    """The owner of a key, and the key."""
    for owner in _all_owners(documents):
        for key in owner["keys"]:
            if key.get("kid") == kid:
                return owner, key
    raise Problem(Code.NOT_FOUND, f"there is no {what} {kid} in the trust list")


def _all_owners(documents: Documents) -> Iterator[dict[str, Any]]:
    for group, _ in _OWNERS:
        yield from documents.trust_list[group]


def _found(listed: list[dict[str, Any]], what: str, named: str) -> dict[str, Any]:
    for each in listed:
        if each[_IDENTITY[what]] == named:
            return each
    where = " in the trust list" if what in ("city", "node") else ""
    raise Problem(Code.NOT_FOUND, f"there is no {what} {named}{where}")


def _check_absent(listed: list[dict[str, Any]], identity: str, named: str) -> None:
    if any(each[identity] == named for each in listed):
        raise Problem(Code.CONFLICT, f"{named} stands in the trust list already")


def _text(document: Mapping[str, Any], name: str) -> str:
    value = document.get(name)
    if not isinstance(value, str):
        raise Problem(Code.INVALID, "has to be a text", where=f"/{name}")
    return value


def _dated(key: dict[str, Any], not_before: datetime, not_after: datetime) -> dict[str, Any]:
    key.setdefault("not_before", _written(not_before))
    key.setdefault("not_after", _written(not_after))
    return key


def _time(written: Any) -> datetime:
    try:
        return datetime.fromisoformat(written.upper())
    except (ValueError, AttributeError):
        raise Problem(Code.INVALID, "is not an RFC 3339 time with an offset") from None


def _written(moment: datetime) -> str:
    return moment.isoformat(timespec="seconds")
