"""`hub trust`: the trust repository that the cities sign, and that an operator keeps from expiring."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import click

from hub.cli.faults import Situation, facing
from hub.cli.options import FOLDER, PRESENT_FILE, PRESENT_FOLDER, passphrase_option, read_bytes
from hub.cli.output import Output, json_option, local, pass_output
from hub.cli.trust_keys import SNAPSHOT_DAYS, TIMESTAMP_DAYS, days_option, document, opened
from hub.cli.trust_shown import members_of, signers, summary, tables, warn_of_expiry
from hub.cli.words import Group, argument, option
from hub.clock import utc_now
from hub.translation import _, mark
from keys import ceremony
from keys.trust_repository import METADATA_BYTES, open_trust_once


@click.group(
    cls=Group,
    help=mark("Make, show and check a trust repository, and change it, m of n."),
    lazy={
        "propose": (
            "hub.cli.trust_propose:propose",
            mark("Begin a change of the trust repository, or go on with it"),
        ),
        "review": (
            "hub.cli.trust_review:review",
            mark("Show what a draft would change, before anybody signs"),
        ),
        "sign": ("hub.cli.trust_sign:sign", mark("Sign a draft with your key")),
        "publish": ("hub.cli.trust_publish:publish", mark("Put a signed draft in force")),
    },
)
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
        "\n\nCities that each hold their own key use propose, review, sign and publish, and nobody lends a key to "
        "another."
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
@passphrase_option
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
    for_root = opened(root_keys, passphrase_file)
    for_targets = opened(targets_keys or root_keys, passphrase_file)
    snapshot, timestamp = opened((snapshot_key, timestamp_key), passphrase_file)
    with facing(Situation.CEREMONY):
        targets = ceremony.create(
            folder,
            document(trust_list),
            document(agreements),
            root_keys=for_root,
            threshold=threshold,
            targets_keys=for_targets,
            targets_threshold=targets_threshold or threshold,
            snapshot_key=snapshot,
            timestamp_key=timestamp,
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
            (
                _("Every day"),
                _(
                    "The timestamp holds {days} days. Have a schedule renew it: hub trust refresh {folder} "
                    "--snapshot-key {snapshot} --timestamp-key {timestamp}"
                ).format(days=TIMESTAMP_DAYS, folder=folder, snapshot=snapshot_key, timestamp=timestamp_key),
            ),
        ],
    )


@trust.command(
    help=mark(
        "Renew snapshot and timestamp, which expire soonest, over an unchanged trust list: for the operator's schedule."
        "\n\nPublish the folder afterwards, timestamp.json last. Without --snapshot-key the timestamp alone is renewed."
    )
)
@argument("folder", metavar="DIR", type=PRESENT_FOLDER, help=mark("Folder of the trust repository."))
@option("--snapshot-key", type=PRESENT_FILE, help=_keys["operator"])
@option("--timestamp-key", type=PRESENT_FILE, required=True, help=_keys["operator"])
@days_option
@passphrase_option
@json_option
@pass_output
def refresh(
    output: Output,
    *,
    folder: Path,
    snapshot_key: Path | None,
    timestamp_key: Path,
    days: int,
    passphrase_file: Path | None,
) -> None:
    now = utc_now()
    (timestamp,) = opened([timestamp_key], passphrase_file)
    expiries = ceremony.Expiries(
        snapshot=timedelta(days=max(days, SNAPSHOT_DAYS)), timestamp=timedelta(days=days)
    )
    with facing(Situation.REFRESH):
        if snapshot_key is None:
            ceremony.refresh_timestamp(folder, timestamp, now, expiries)
        else:
            (snapshot,) = opened([snapshot_key], passphrase_file)
            ceremony.refresh(
                folder, snapshot_key=snapshot, timestamp_key=timestamp, now=now, expiries=expiries
            )
        roles = signers(folder)
    output.facts(
        {"folder": str(folder), "roles": [role.members() for role in roles]},
        [
            (_("Trust repository"), str(folder)),
            *(
                (f"{role.role} v{role.version}", _("until {time}").format(time=local(role.expires_at)))
                for role in roles
            ),
        ],
    )
    warn_of_expiry(output, folder, roles, now)


@trust.command(help=mark("Show who signs a trust repository, who is in it and what was agreed."))
@argument("folder", metavar="DIR", type=PRESENT_FOLDER, help=mark("Folder of the trust repository."))
@json_option
@pass_output
def show(output: Output, folder: Path) -> None:
    now = utc_now()
    with facing(Situation.TRUST):
        found = open_trust_once(folder, now)
        roles = signers(folder)
    if output.as_json:
        output.json(members_of(found, roles, now))
        return
    output.lines(summary(found))
    for name, columns, rows in tables(found, roles, now):
        output.say("")
        output.say(_(name), style="bold underline")
        output.table(name, columns, rows)
    warn_of_expiry(output, folder, roles, now)


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
    with facing(Situation.TRUST):
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
