"""Who signs the trust repository, in a written form that people read: `signers.json` of a draft.

1. It says all that a root says but its version and expiry: which key signs which roles, of which city its holder
   is, how many signatures a role needs. Both ways are here: `signers_of` a root, `root_of` the signers.
2. Each `kid` is the thumbprint of its `jwk`, and stands once.
3. Root and targets are signed m of n; snapshot and timestamp by any one of their keys, for nobody gathers
   signatures every night.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

from marshmallow import RAISE, Schema, ValidationError, fields, validate
from tuf.api.metadata import (  # type: ignore[attr-defined]  # re-exported without saying so
    Role,
    Root,
    Snapshot,
    Targets,
    Timestamp,
)

from hub.errors import Code, Problem
from keys.role_files import ONLINE_THRESHOLD, city_of, role_key, role_key_id, verify_key_of
from keys.suite import VerifyKey, verify_key_from_jwk
from schemas import strict_json

SIGNERS_FILE: Final = "signers.json"
SIGNERS_BYTES: Final = 256 * 1024
ROLES: Final[tuple[str, ...]] = (Root.type, Targets.type, Snapshot.type, Timestamp.type)
OFFLINE: Final[tuple[str, ...]] = (Root.type, Targets.type)
"""The roles that officers sign; the others are the operator's."""

_CITY: Final = re.compile(r"[1-9][0-9]{5}\Z")


class _Strict(Schema):
    class Meta:
        unknown = RAISE


class _SignerSchema(_Strict):
    kid = fields.String(required=True, validate=validate.Length(max=100))
    jwk = fields.Dict(
        keys=fields.String(), values=fields.String(), required=True, validate=validate.Length(max=8)
    )
    city = fields.String(load_default=None, allow_none=True, validate=validate.Regexp(_CITY))
    roles = fields.List(
        fields.String(validate=validate.OneOf(ROLES)), required=True, validate=validate.Length(1, len(ROLES))
    )


class _SignersSchema(_Strict):
    signers = fields.List(fields.Nested(_SignerSchema), required=True, validate=validate.Length(1, 200))
    thresholds = fields.Dict(
        keys=fields.String(validate=validate.OneOf(ROLES)),
        values=fields.Integer(strict=True, validate=validate.Range(1, 200)),
        required=True,
        validate=validate.Length(len(ROLES)),
    )


def parse_signers(content: bytes) -> dict[str, Any]:
    """Read `signers.json`; the same in order. Raises `Problem`: TOO_LARGE, MALFORMED, INVALID with `where`."""
    if len(content) > SIGNERS_BYTES:
        raise Problem(Code.TOO_LARGE, f"{SIGNERS_FILE} has at most {SIGNERS_BYTES} bytes")
    return check_signers(strict_json.loads(content))


def check_signers(document: Any) -> dict[str, Any]:
    """The same for what was read already, or changed since. Raises `Problem` MALFORMED, INVALID with `where`."""
    if not isinstance(document, Mapping):
        raise Problem(Code.MALFORMED, f"{SIGNERS_FILE} is one JSON object")
    try:
        loaded = _SignersSchema().load(document)
    except ValidationError as refused:
        raise Problem(Code.INVALID, f"{SIGNERS_FILE} is not in its form", where=_first(refused)) from refused
    seen: set[str] = set()
    for position, signer in enumerate(loaded["signers"]):
        where = f"/signers/{position}"
        key = verify_key_from_jwk(signer["jwk"])
        if key.kid != signer["kid"]:
            raise Problem(Code.INVALID, "is not the thumbprint of the jwk", where=f"{where}/kid")
        if key.kid in seen or len(set(signer["roles"])) != len(signer["roles"]):
            raise Problem(Code.INVALID, "names something twice", where=where)
        seen.add(key.kid)
    for role in ROLES:
        holders = sum(role in signer["roles"] for signer in loaded["signers"])
        wanted = loaded["thresholds"][role]
        where = f"/thresholds/{role}"
        if wanted > holders:
            said = f"role {role}: {wanted} of {holders} keys is no threshold"
            raise Problem(Code.INVALID, said, where=where)
        if role not in OFFLINE and wanted != ONLINE_THRESHOLD:
            raise Problem(Code.INVALID, f"role {role} is signed by one key of an operator", where=where)
    return signer_list(
        [
            (verify_key_from_jwk(each["jwk"]), each.get("city"), tuple(each["roles"]))
            for each in loaded["signers"]
        ],
        loaded["thresholds"],
    )


def signer_list(
    signers: list[tuple[VerifyKey, str | None, tuple[str, ...]]], thresholds: Mapping[str, int]
) -> dict[str, Any]:
    """The written form, in its order: by city, then by key id."""
    ordered = sorted(signers, key=lambda each: (each[1] or "~", each[0].kid))
    return {
        "signers": [
            {"city": city, "jwk": key.jwk, "kid": key.kid, "roles": [role for role in ROLES if role in roles]}
            for key, city, roles in ordered
        ],
        "thresholds": {role: thresholds[role] for role in ROLES},
    }


def signers_of(root: Root) -> dict[str, Any]:
    """What a root that was read says, in the written form."""
    return signer_list(
        [
            (
                verify_key_of(key),
                city_of(key),
                tuple(role for role in ROLES if key_id in root.roles[role].keyids),
            )
            for key_id, key in root.keys.items()
        ],
        {role: root.roles[role].threshold for role in ROLES},
    )


def root_of(
    signers: Mapping[str, Any], version: int, expires: datetime, spec_version: str | None = None
) -> Root:
    """The root that says what `signers` (checked) says."""
    keys = [
        (verify_key_from_jwk(each["jwk"]), each["city"], set(each["roles"])) for each in signers["signers"]
    ]
    return Root(
        version=version,
        spec_version=spec_version,
        expires=expires,
        keys={role_key_id(key): role_key(key, city) for key, city, _ in keys},
        roles={
            role: Role(
                [role_key_id(key) for key, _, roles in keys if role in roles], signers["thresholds"][role]
            )
            for role in ROLES
        },
        consistent_snapshot=True,
    )


def _first(refused: ValidationError) -> str:
    """The pointer to the first complaint in marshmallow's nested ones."""
    where, messages = "", refused.messages
    while isinstance(messages, dict):
        name, messages = next(iter(messages.items()))
        if name not in ("_schema", "value", "key"):
            where += "/" + str(name).replace("~", "~0").replace("/", "~1")
    return where
