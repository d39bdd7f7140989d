"""What a trust repository says, for people and for programs: who signs it, who is in it, what was agreed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

from tuf.api.metadata import Metadata, Root, Snapshot, Targets, Timestamp  # type: ignore[attr-defined]

from hub.cli.output import Column, Output, city_name, city_names, clock, listing, local, tick
from hub.errors import Code, Problem
from hub.translation import _, language, mark
from keys.role_files import city_of, held_version, newest_root, verify_key_of
from keys.trust_list import Trust, TrustedKey
from schemas.kinds import KINDS
from schemas.labels import label

SIGNED_BY_CITIES: Final = (Root.type, Targets.type)
WARN_BEFORE: Final = {
    Root.type: timedelta(days=30),
    Targets.type: timedelta(days=30),
    Snapshot.type: timedelta(days=3),
    Timestamp.type: timedelta(days=3),
}
"""How long before its end a role is warned of: what many people sign takes longer to renew."""


@dataclass(frozen=True, slots=True)
class Signers:
    """Who signs one role of the repository: `threshold` of the keys, whose ids are those of `hub keys show`."""

    role: str
    version: int
    threshold: int
    kids: tuple[str, ...]
    cities: tuple[str | None, ...]
    """The city whose officer holds each key, where the root names it."""
    expires_at: datetime

    def members(self) -> dict[str, Any]:
        return {
            "role": self.role,
            "version": self.version,
            "threshold": self.threshold,
            "keys": list(self.kids),
            "cities": list(self.cities),
            "expires_at": self.expires_at.isoformat(),
        }


def signers(repository: Path) -> tuple[Signers, ...]:
    """Who signs a repository that was verified. Raises: Problem `malformed` where it was changed since."""
    root = newest_root(repository).signed
    files = {
        Root.type: f"{root.version}.root.json",
        Targets.type: f"{held_version(repository)}.targets.json",
        Snapshot.type: f"{held_version(repository, Snapshot.type)}.snapshot.json",
        Timestamp.type: "timestamp.json",
    }
    found = []
    for role, file in files.items():
        try:
            signed = Metadata[Any].from_file(str(repository / file)).signed
            keys = [root.keys[each] for each in root.roles[role].keyids]
        except Exception as error:  # python-tuf's own, and those of the file
            raise Problem(Code.MALFORMED, f"{file} cannot be read") from error
        kids = tuple(verify_key_of(key).kid for key in keys)
        cities = tuple(city_of(key) for key in keys)
        expires = signed.expires.replace(tzinfo=UTC)
        found.append(Signers(role, signed.version, root.roles[role].threshold, kids, cities, expires))
    return tuple(found)


def warn_of_expiry(output: Output, repository: Path, roles: Sequence[Signers], now: datetime) -> None:
    """Say which signatures end soon, and who renews them how."""
    for role in roles:
        left = role.expires_at - now
        if left >= WARN_BEFORE[role.role]:
            continue
        said = _("{role} of the trust repository expires in {days} days, and then nodes take nothing more.")
        output.warn(said.format(role=role.role, days=max(0, left.days)))
        if role.role in SIGNED_BY_CITIES:
            anew = _(
                "The cities sign it anew, {m} of {n}: hub trust propose {folder} --out DRAFT --renew {role}"
            )
            output.warn(anew.format(m=role.threshold, n=len(role.kids), folder=repository, role=role.role))
            continue
        renew = _("Renew it: hub trust refresh {folder} --snapshot-key FILE --timestamp-key FILE")
        output.warn(renew.format(folder=repository))


def summary(found: Trust) -> list[tuple[str, str]]:
    """What a person wants to know first."""
    return [
        *((each.file, f"v{each.version} {each.digest}") for each in found.targets),
        (_("Valid until"), local(found.expires_at)),
        (_("Cosignatures wanted"), str(found.quorum)),
    ]


def tables(
    found: Trust, roles: Sequence[Signers], now: datetime
) -> list[tuple[str, list[Column], list[Mapping[str, Any]]]]:
    """Heading, columns and rows of each table."""
    members = members_of(found, roles, now)
    listed = [
        {"owner": owner["name"] if "code" not in owner else owner["code"], **key}
        for owners in ("cities", "nodes", "auditors")
        for owner in members[owners]
        for key in owner["keys"]
    ]
    return [
        (
            mark("Signers"),
            [
                Column("role", mark("Role")),
                Column("version", mark("Version")),
                Column("needed", mark("Signatures needed")),
                Column("keys", mark("Key ids"), listing, wide=True),
                Column("expires_at", mark("Until"), clock),
            ],
            [
                {
                    **role.members(),
                    "keys": [
                        kid if city is None else f"{kid} ({city_name(city)})"
                        for kid, city in zip(role.kids, role.cities, strict=True)
                    ],
                    "needed": _("{m} of {n}").format(m=role.threshold, n=len(role.kids)),
                }
                for role in roles
            ],
        ),
        (
            mark("Cities"),
            [
                Column("code", mark("Code")),
                Column("name", mark("Name")),
                Column("province", mark("Province")),
                Column("node", mark("Node")),
            ],
            members["cities"],
        ),
        (
            mark("Nodes"),
            [
                Column("name", mark("Name")),
                Column("url", mark("Address")),
                Column("cities", mark("Cities"), city_names),
            ],
            members["nodes"],
        ),
        (
            mark("Auditors"),
            [Column("name", mark("Name")), Column("scope", mark("Scope"), city_names, wide=True)],
            members["auditors"],
        ),
        (
            mark("Agreements"),
            [
                Column("id", mark("Id")),
                Column("title", mark("Title"), wide=True),
                Column("parties", mark("Parties"), city_names, wide=True),
                Column("kinds", mark("Kinds"), _kinds, wide=True),
                Column("highest_marking", mark("Highest marking"), _marking, wide=True),
                Column("valid_from", mark("Since"), clock),
                Column("valid_until", mark("Until"), clock),
            ],
            members["agreements"],
        ),
        (
            mark("Keys"),
            [
                Column("owner", mark("Owner")),
                Column("use", mark("Use")),
                Column("system", mark("System")),
                Column("kid", mark("Key id")),
                Column("kinds", mark("May sign"), _signs, wide=True),
                Column("not_before", mark("Since"), clock),
                Column("not_after", mark("Until"), clock),
                Column("revoked_at", mark("Revoked"), clock),
                Column("valid", mark("Valid now"), tick),
            ],
            listed,
        ),
    ]


def _kinds(names: Sequence[str]) -> str:
    return listing(label("kind", name, language()) for name in names)


def _signs(names: Sequence[str]) -> str:
    """The kinds that a key may sign; all of them in a word."""
    every = {name for name, _version in KINDS}
    return _("all kinds") if set(names) == every else _kinds(names)


def _marking(code: str) -> str:
    return label("marking", code, language())


def members_of(found: Trust, roles: Sequence[Signers], now: datetime) -> dict[str, Any]:
    """All of it, for a program."""

    def listed(keys: Sequence[TrustedKey]) -> list[dict[str, Any]]:
        return [
            {
                "kid": key.kid,
                "use": key.use,
                "system": key.system,
                "kinds": None if key.kinds is None else sorted(key.kinds),
                "not_before": key.not_before.isoformat(),
                "not_after": key.not_after.isoformat(),
                "revoked_at": None if key.revoked_at is None else key.revoked_at.isoformat(),
                "valid": key.valid_at(now, now),
            }
            for key in keys
        ]

    return {
        "targets": {
            target.file: {"version": target.version, "digest": target.digest} for target in found.targets
        },
        "expires_at": found.expires_at.isoformat(),
        "quorum": found.quorum,
        "signers": [role.members() for role in roles],
        "cities": [
            {
                "code": city.code,
                "name": city.name,
                "province": city.province,
                "node": city.node,
                "hosted_before": list(city.hosted_before),
                "keys": listed(city.keys),
            }
            for city in found.cities.values()
        ],
        "nodes": [
            {
                "name": node.name,
                "url": node.url,
                "cities": sorted(found.hosted_by(node.name)),
                "log": node.log,
                "witness": node.witness,
                "keys": listed(node.keys),
            }
            for node in found.nodes.values()
        ],
        "auditors": [
            {"name": auditor.name, "scope": sorted(auditor.scope), "keys": listed(auditor.keys)}
            for auditor in found.auditors.values()
        ],
        "agreements": [
            {
                "id": each.id,
                "title": each.title,
                "parties": sorted(each.parties),
                "kinds": sorted(each.kinds),
                "purpose": each.purpose,
                "legal_basis": each.legal_basis,
                "highest_marking": each.highest_marking,
                "retention_days": each.retention_days,
                "valid_from": each.valid_from.isoformat(),
                "valid_until": each.valid_until.isoformat(),
            }
            for each in found.agreements.values()
        ],
    }
