"""The two targets in their written form: `trust-list.json` and `agreements.json` (wire contract, section 7).

1. Strict JSON, then a schema that refuses unknown members and bounds every text and list.
2. Every `kid` is the thumbprint of its `jwk`; every key stands once in the whole list, verifier keys
   included, for every key has one use.
3. A use fits its owner and its key: cities `sign` and `seal`, nodes `node`, auditors `audit`; X25519 seals,
   Ed25519 does the rest.
4. What is named exists: a city's node and those that hosted it before, the cities in an auditor's scope. (An
   agreement's parties are looked up when the two targets are combined.)

Members that hold nothing for most keys (`system`, `kinds`, `revoked_at`) or cities (`hosted_before`) may be null or
absent.
"""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

from marshmallow import RAISE, Schema, ValidationError, fields, validate

from hub.errors import Code, Problem
from keys.suite import SealKey, public_key_from_jwk
from keys.trust_list import Agreement, AgreementList, Auditor, City, Node, OwnerKind, TrustedKey, TrustList
from schemas import strict_json
from schemas.markings import MARKINGS

TARGET_BYTES: Final = 4 * 1024 * 1024
"""The largest trust list or agreements file that is read."""

_CITY = re.compile(r"[1-9][0-9]{5}")
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
_SYSTEM = re.compile(r"[1-9][0-9]{5}/[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
_KIND = re.compile(r"[a-z][a-z0-9_]{0,63}")
_KID = re.compile(r"[A-Za-z0-9_-]{43}")
_URL = re.compile(
    r"https?://(?:[A-Za-z0-9.-]{1,200}|\[[0-9A-Fa-f:]{2,39}\])(?::[0-9]{1,5})?(?:/[A-Za-z0-9._~/-]{0,200})?"
)
_TIME = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}[Tt][0-9]{2}:[0-9]{2}:[0-9]{2}(?:\.[0-9]{1,6})?(?:[Zz]|[+-][0-9]{2}:[0-9]{2})"
)
_VERIFIER_KEY = re.compile(r"([^\s+]{1,128})\+([0-9a-f]{8})\+([A-Za-z0-9+/]{44}=?=?)")
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\ufeff]")

_LOG_KEY_TYPE: Final = 1
_WITNESS_KEY_TYPE: Final = 4
_USES: Final[Mapping[OwnerKind, tuple[str, ...]]] = {
    "city": ("sign", "seal"),
    "node": ("node",),
    "auditor": ("audit",),
}


class _Pattern(fields.String):
    """A text that a pattern describes whole."""

    def __init__(self, pattern: re.Pattern[str], meaning: str, **options: Any) -> None:
        super().__init__(**options)
        self._pattern = pattern
        self._meaning = meaning

    def _deserialize(self, value: Any, *_: Any, **__: Any) -> str:
        if not isinstance(value, str) or not self._pattern.fullmatch(value):
            raise ValidationError(f"is not {self._meaning}")
        return value


class _Text(fields.String):
    """A text for people: not empty, of bounded length, without control characters."""

    def __init__(self, longest: int) -> None:
        super().__init__(required=True)
        self._longest = longest

    def _deserialize(self, value: Any, *_: Any, **__: Any) -> str:
        if not isinstance(value, str) or not 1 <= len(value) <= self._longest or _CONTROL.search(value):
            raise ValidationError(f"is not a text of 1 to {self._longest} characters on one line")
        return value


class _Time(fields.Field[datetime]):
    """RFC 3339 with an offset."""

    def _deserialize(self, value: Any, *_: Any, **__: Any) -> datetime:
        try:
            if isinstance(value, str) and _TIME.fullmatch(value):
                return datetime.fromisoformat(value.upper())
        except ValueError:
            pass
        raise ValidationError("is not an RFC 3339 time with an offset")


class _Count(fields.Field[int]):
    """A whole number between two bounds; true and 1.0 are none."""

    def __init__(self, lowest: int, highest: int) -> None:
        super().__init__(required=True)
        self._lowest = lowest
        self._highest = highest

    def _deserialize(self, value: Any, *_: Any, **__: Any) -> int:
        if type(value) is not int or not self._lowest <= value <= self._highest:
            raise ValidationError(f"is not a whole number from {self._lowest} to {self._highest}")
        return value


def _several(inner: fields.Field[Any], lowest: int, highest: int, **options: Any) -> fields.List[Any]:
    return fields.List(inner, validate=validate.Length(lowest, highest), **options)


class _Strict(Schema):
    class Meta:
        unknown = RAISE


class _KeySchema(_Strict):
    kid = _Pattern(_KID, "a key id (RFC 7638 thumbprint)", required=True)
    use = fields.String(required=True, validate=validate.OneOf(("sign", "seal", "node", "audit")))
    jwk = fields.Dict(
        keys=fields.String(), values=fields.String(), required=True, validate=validate.Length(max=8)
    )
    system = _Pattern(_SYSTEM, "a system's name such as 610800/mediation", load_default=None, allow_none=True)
    kinds = _several(
        _Pattern(_KIND, "the name of a kind; each is named, there is no wildcard"),
        1,
        64,
        load_default=None,
        allow_none=True,
    )
    not_before = _Time(required=True)
    not_after = _Time(required=True)
    revoked_at = _Time(load_default=None, allow_none=True)


class _CitySchema(_Strict):
    code = _Pattern(_CITY, "a six-digit division code", required=True)
    name = _Text(100)
    province = _Text(100)
    node = _Pattern(_NAME, "a node's name", required=True)
    hosted_before = _several(_Pattern(_NAME, "a node's name"), 0, 50, load_default=None, allow_none=True)
    keys = _several(fields.Nested(_KeySchema), 0, 100, required=True)


class _NodeSchema(_Strict):
    name = _Pattern(_NAME, "a node's name", required=True)
    url = _Pattern(_URL, "an http or https address without user, query or fragment", required=True)
    keys = _several(fields.Nested(_KeySchema), 0, 100, required=True)
    log = _Pattern(_VERIFIER_KEY, "a verifier key", required=True)
    witness = _Pattern(_VERIFIER_KEY, "a verifier key", required=True)


class _AuditorSchema(_Strict):
    name = _Pattern(_NAME, "an auditor's name", required=True)
    keys = _several(fields.Nested(_KeySchema), 0, 100, required=True)
    scope = _several(_Pattern(_CITY, "a six-digit division code"), 1, 500, required=True)


class _TrustListSchema(_Strict):
    version = _Count(1, 2**31 - 1)
    cities = _several(fields.Nested(_CitySchema), 1, 500, required=True)
    nodes = _several(fields.Nested(_NodeSchema), 1, 200, required=True)
    auditors = _several(fields.Nested(_AuditorSchema), 0, 200, required=True)
    quorum = _Count(0, 200)


class _AgreementSchema(_Strict):
    id = _Pattern(_NAME, "an agreement's id", required=True)
    title = _Text(200)
    parties = _several(_Pattern(_CITY, "a six-digit division code"), 2, 100, required=True)
    kinds = _several(
        _Pattern(_KIND, "the name of a kind; each is named, there is no wildcard"), 1, 64, required=True
    )
    purpose = _Text(1000)
    legal_basis = _Text(1000)
    highest_marking = fields.String(required=True, validate=validate.OneOf(MARKINGS))
    retention_days = _Count(1, 36_500)
    valid_from = _Time(required=True)
    valid_until = _Time(required=True)


class _AgreementListSchema(_Strict):
    version = _Count(1, 2**31 - 1)
    agreements = _several(fields.Nested(_AgreementSchema), 0, 1000, required=True)


def parse_trust_list(target: bytes) -> TrustList:
    """Read `trust-list.json`.

    Raises `Problem`: TOO_LARGE, MALFORMED (not strict JSON) or INVALID, `where` a JSON pointer.
    """
    members = _load(_TrustListSchema(), target)
    seen: set[bytes] = set()
    nodes: dict[str, Node] = {}
    for position, node in enumerate(members["nodes"]):
        where = f"/nodes/{position}"
        _once(node["name"], nodes, f"{where}/name")
        for member, key_type in (("log", _LOG_KEY_TYPE), ("witness", _WITNESS_KEY_TYPE)):
            _once(
                _verifier_key(node[member], node["name"], key_type, f"{where}/{member}"),
                seen,
                f"{where}/{member}",
            )
        keys = _keys(node["keys"], node["name"], "node", seen, where)
        nodes[node["name"]] = Node(node["name"], node["url"], keys, node["log"], node["witness"])
    cities: dict[str, City] = {}
    for position, city in enumerate(members["cities"]):
        where = f"/cities/{position}"
        _once(city["code"], cities, f"{where}/code")
        if city["node"] not in nodes:
            raise _invalid("names a node that is not in the list", f"{where}/node")
        before = _hosted_before(city, nodes, f"{where}/hosted_before")
        keys = _keys(city["keys"], city["code"], "city", seen, where)
        cities[city["code"]] = City(city["code"], city["name"], city["province"], city["node"], keys, before)
    auditors: dict[str, Auditor] = {}
    for position, auditor in enumerate(members["auditors"]):
        where = f"/auditors/{position}"
        _once(auditor["name"], auditors, f"{where}/name")
        scope = _set(auditor["scope"], f"{where}/scope")
        if not scope <= cities.keys():
            raise _invalid("names a city that is not in the list", f"{where}/scope")
        keys = _keys(auditor["keys"], auditor["name"], "auditor", seen, where)
        auditors[auditor["name"]] = Auditor(auditor["name"], keys, scope)
    if members["quorum"] > len(nodes):
        raise _invalid("wants more cosignatures than there are nodes", "/quorum")
    return TrustList(members["version"], cities, nodes, auditors, members["quorum"])


def parse_agreements(target: bytes) -> AgreementList:
    """Read `agreements.json`.

    Raises `Problem`: TOO_LARGE, MALFORMED (not strict JSON) or INVALID, `where` a JSON pointer.
    """
    members = _load(_AgreementListSchema(), target)
    agreements: dict[str, Agreement] = {}
    for position, agreement in enumerate(members["agreements"]):
        where = f"/agreements/{position}"
        _once(agreement["id"], agreements, f"{where}/id")
        if agreement["valid_until"] <= agreement["valid_from"]:
            raise _invalid("does not lie after valid_from", f"{where}/valid_until")
        parties = _set(agreement.pop("parties"), f"{where}/parties")
        kinds = _set(agreement.pop("kinds"), f"{where}/kinds")
        agreements[agreement["id"]] = Agreement(parties=parties, kinds=kinds, **agreement)
    return AgreementList(members["version"], agreements)


def _keys(
    listed: list[dict[str, Any]], owner: str, owner_kind: OwnerKind, seen: set[bytes], where: str
) -> tuple[TrustedKey, ...]:
    keys = []
    for position, member in enumerate(listed):
        pointer = f"{where}/keys/{position}"
        try:
            key = public_key_from_jwk(member["jwk"])
        except Problem as broken:
            raise _invalid(broken.detail, f"{pointer}/jwk") from broken
        if key.kid != member["kid"]:
            raise _invalid("is not the thumbprint of the jwk", f"{pointer}/kid")
        _once(key.raw, seen, f"{pointer}/kid")
        if member["use"] not in _USES[owner_kind]:
            raise _invalid(f"is not a use for a key of a {owner_kind}", f"{pointer}/use")
        if (member["use"] == "seal") != isinstance(key, SealKey):
            raise _invalid("does not suit the jwk: X25519 seals, Ed25519 does the rest", f"{pointer}/use")
        _check_system(member, owner, pointer)
        if member["not_after"] <= member["not_before"]:
            raise _invalid("does not lie after not_before", f"{pointer}/not_after")
        keys.append(
            TrustedKey(
                key=key,
                kid=key.kid,
                use=member["use"],
                owner=owner,
                owner_kind=owner_kind,
                system=member["system"],
                kinds=None if member["kinds"] is None else _set(member["kinds"], f"{pointer}/kinds"),
                not_before=member["not_before"],
                not_after=member["not_after"],
                revoked_at=member["revoked_at"],
            )
        )
    return tuple(keys)


def _hosted_before(city: Mapping[str, Any], nodes: Mapping[str, Node], where: str) -> tuple[str, ...]:
    before = tuple(city["hosted_before"] or ())
    for place, name in enumerate(before):
        if name not in nodes:
            raise _invalid("names a node that is not in the list", f"{where}/{place}")
        if name == city["node"] or name in before[:place]:
            raise _invalid("names the node that hosts the city now, or one node twice", f"{where}/{place}")
    return before


def _check_system(member: dict[str, Any], owner: str, pointer: str) -> None:
    if member["use"] == "sign":
        if member["system"] is None or member["system"].partition("/")[0] != owner:
            raise _invalid("names the city's system that signs", f"{pointer}/system")
        return
    if member["system"] is not None:
        raise _invalid("belongs to keys that sign records", f"{pointer}/system")
    if member["kinds"] is not None:
        raise _invalid("belongs to keys that sign records", f"{pointer}/kinds")


def _verifier_key(text: str, node: str, key_type: int, where: str) -> bytes:
    """The public key in a C2SP verifier key; the log package reads it again for its own use."""
    match = _VERIFIER_KEY.fullmatch(text)
    assert match is not None  # the schema has matched it
    name, key_id, encoded = match.groups()
    try:
        typed = base64.b64decode(encoded, validate=True)
    except ValueError as broken:
        raise _invalid("is not strict base64", where) from broken
    if base64.b64encode(typed).decode("ascii") != encoded or len(typed) != 33 or typed[0] != key_type:
        raise _invalid(f"is not a verifier key of type {key_type:02d} with 32 bytes", where)
    if hashlib.sha256(name.encode() + b"\n" + typed).hexdigest()[:8] != key_id:
        raise _invalid("has a key id that does not fit its name and key", where)
    if name != node:
        raise _invalid("does not bear the node's name", where)
    return typed[1:]


def _load(schema: Schema, target: bytes) -> dict[str, Any]:
    if len(target) > TARGET_BYTES:
        raise Problem(Code.TOO_LARGE, f"a target is at most {TARGET_BYTES} bytes")
    parsed = strict_json.loads(target)
    if not isinstance(parsed, dict):
        raise Problem(Code.MALFORMED, "a target is one JSON object")
    try:
        loaded = schema.load(parsed)
    except ValidationError as refused:
        where, detail = _first(refused.messages)
        raise _invalid(detail, where) from refused
    assert isinstance(loaded, dict)
    return loaded


def _first(messages: Any) -> tuple[str, str]:
    """The pointer and the words of the first complaint in marshmallow's nested ones."""
    where = ""
    while isinstance(messages, dict):
        name, messages = next(iter(messages.items()))
        if name not in ("_schema", "value", "key"):
            where += "/" + str(name).replace("~", "~0").replace("/", "~1")
    detail = messages[0] if isinstance(messages, list) and messages else messages
    return where, str(detail)


def _invalid(detail: str, where: str) -> Problem:
    return Problem(Code.INVALID, detail, where=where)


def _once(value: Any, seen: Any, where: str) -> None:
    """Refuse what was seen before; remember it when `seen` is a set."""
    if value in seen:
        raise _invalid("stands in the list twice; every name and every key stands once", where)
    if isinstance(seen, set):
        seen.add(value)


def _set(values: list[str], where: str) -> frozenset[str]:
    unique = frozenset(values)
    if len(unique) != len(values):
        raise _invalid("names something twice", where)
    return unique
