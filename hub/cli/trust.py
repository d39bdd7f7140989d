"""`hub trust`: the trust repository that the cities sign."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any, Final

import click

from hub.cli.options import FOLDER, PRESENT_FILE, PRESENT_FOLDER, read_bytes
from hub.cli.output import Column, Output, city_names, json_option, listing, local, pass_output, tick
from hub.cli.words import Group, argument, option
from hub.clock import utc_now
from hub.errors import Code, Problem
from hub.translation import _, language, mark
from keys import ceremony
from keys.files import read_passphrase, read_signing
from keys.suite import SigningKey
from keys.trust_list import Trust, TrustedKey
from keys.trust_repository import METADATA_BYTES, open_trust_once
from keys.trust_schema import TARGET_BYTES
from schemas import strict_json
from schemas.labels import label

WARN_BEFORE: Final = timedelta(days=30)


@click.group(cls=Group, help=mark("Make, show and check a trust repository."))
def trust() -> None:
    pass


_keys = {
    "root": mark("Key that signs the root; once for each city."),
    "targets": mark("Key that signs trust list and agreements; the root's keys if none is named."),
    "operator": mark("The operator's key for this role."),
}


@trust.command(
    help=mark(
        "Make a trust repository where one person holds all the keys: for a laboratory or a first trial."
        "\n\nCities that each hold their own key sign one after the other, and nobody lends a key to another."
    )
)
@option("--dir", "folder", type=FOLDER, required=True, help=mark("Folder of the trust repository."))
@option("--trust-list", type=PRESENT_FILE, required=True, help=mark("trust-list.json, unsigned."))
@option("--agreements", type=PRESENT_FILE, required=True, help=mark("agreements.json, unsigned."))
@option("--root-keys", "root_keys", type=PRESENT_FILE, multiple=True, required=True, help=_keys["root"])
@option(
    "--threshold",
    type=click.IntRange(1),
    required=True,
    metavar="M",
    help=mark("Signatures of the root needed."),
)
@option("--targets-keys", "targets_keys", type=PRESENT_FILE, multiple=True, help=_keys["targets"])
@option(
    "--targets-threshold",
    type=click.IntRange(1),
    metavar="M",
    help=mark("Signatures of the targets needed; as the root's if none is given."),
)
@option("--snapshot-key", type=PRESENT_FILE, required=True, help=_keys["operator"])
@option("--timestamp-key", type=PRESENT_FILE, required=True, help=_keys["operator"])
@option(
    "--passphrase-file",
    type=PRESENT_FILE,
    help=mark("File that holds the keys' passphrase (else HUB_PASSPHRASE)."),
)
@json_option
@pass_output
def init(
    output: Output,
    *,
    folder: Path,
    trust_list: Path,
    agreements: Path,
    root_keys: tuple[Path, ...],
    threshold: int,
    targets_keys: tuple[Path, ...],
    targets_threshold: int | None,
    snapshot_key: Path,
    timestamp_key: Path,
    passphrase_file: Path | None,
) -> None:
    passphrase = read_passphrase(passphrase_file, os.environ)

    def opened(paths: Sequence[Path]) -> list[SigningKey]:
        return [read_signing(path, passphrase) for path in paths]

    targets = ceremony.create(
        folder,
        _document(trust_list),
        _document(agreements),
        root_keys=opened(root_keys),
        threshold=threshold,
        targets_keys=opened(targets_keys or root_keys),
        targets_threshold=targets_threshold or threshold,
        snapshot_key=read_signing(snapshot_key, passphrase),
        timestamp_key=read_signing(timestamp_key, passphrase),
        now=utc_now(),
    )
    output.facts(
        {
            "folder": str(folder),
            "targets": [
                {"file": each.file, "version": each.version, "digest": each.digest} for each in targets
            ],
        },
        [
            (_("Trust repository"), str(folder)),
            *((each.file, _("version {version}").format(version=each.version)) for each in targets),
            (
                _("Next"),
                _(
                    "Give 1.root.json to every node by a way that you trust; then: hub trust verify {folder}"
                ).format(folder=folder),
            ),
        ],
    )


@trust.command(help=mark("Show who is in a trust repository and what was agreed."))
@argument("folder", metavar="DIR", type=PRESENT_FOLDER, help=mark("Folder of the trust repository."))
@json_option
@pass_output
def show(output: Output, folder: Path) -> None:
    now = utc_now()
    found = open_trust_once(folder, now)
    if output.as_json:
        output.json(_members(found))
        return
    output.lines(_summary(found))
    for name, columns, rows in _tables(found):
        output.say("")
        output.say(_(name), style="bold underline")
        output.table(name, columns, rows)
    left = found.expires_at - now
    if left < WARN_BEFORE:
        output.warn(
            _("The trust repository expires in {days} days: have it renewed and published.").format(
                days=left.days
            )
        )


@trust.command(
    help=mark(
        "Check a trust repository: signatures, thresholds, versions, expiry."
        "\n\nWithout --root its own first root is believed, which proves only that it agrees with itself."
    )
)
@argument("folder", metavar="DIR", type=PRESENT_FOLDER, help=mark("Folder of the trust repository."))
@option("--root", type=PRESENT_FILE, help=mark("Root of the trust repository that you hold from elsewhere."))
@json_option
@pass_output
def verify(output: Output, folder: Path, root: Path | None) -> None:
    pinned = None if root is None else read_bytes(root, METADATA_BYTES)
    found = open_trust_once(folder, utc_now(), pinned)
    members = {
        "verified": True,
        "root_pinned": root is not None,
        "targets": {
            target.file: {"version": target.version, "digest": target.digest} for target in found.targets
        },
        "expires_at": found.expires_at.isoformat(),
    }
    lines = [("✓", _("Every role has the signatures that its threshold asks for, and none has expired."))]
    lines += [("✓", f"{each.file} v{each.version} {each.digest}") for each in found.targets]
    lines += [("✓", _("Valid until {time}.").format(time=local(found.expires_at)))]
    output.facts(members, lines)
    if root is None:
        output.warn(_("Its own root was believed; give --root to check it against the one that you hold."))


def _document(path: Path) -> dict[str, Any]:
    document = strict_json.loads(read_bytes(path, TARGET_BYTES))
    if not isinstance(document, dict):
        raise Problem(Code.MALFORMED, f"{path}: not a JSON object")
    return document


def _summary(found: Trust) -> list[tuple[str, str]]:
    return [
        *((each.file, f"v{each.version} {each.digest}") for each in found.targets),
        (_("Valid until"), local(found.expires_at)),
        (_("Cosignatures wanted"), str(found.quorum)),
    ]


def _tables(found: Trust) -> list[tuple[str, list[Column], list[Mapping[str, Any]]]]:
    members = _members(found)
    listed = [
        {"owner": owner["name"] if "code" not in owner else owner["code"], **key}
        for owners in ("cities", "nodes", "auditors")
        for owner in members[owners]
        for key in owner["keys"]
    ]
    return [
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
                Column("valid_from", mark("Since"), local),
                Column("valid_until", mark("Until"), local),
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
                Column("not_after", mark("Until"), local),
                Column("revoked_at", mark("Revoked"), local),
                Column("valid", mark("Valid now"), tick),
            ],
            listed,
        ),
    ]


def _kinds(names: Sequence[str]) -> str:
    return listing(label("kind", name, language()) for name in names)


def _marking(code: str) -> str:
    return label("marking", code, language())


def _members(found: Trust) -> dict[str, Any]:
    now = utc_now()

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
        "cities": [
            {
                "code": city.code,
                "name": city.name,
                "province": city.province,
                "node": city.node,
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
