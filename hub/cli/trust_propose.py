"""`hub trust propose`: a change of the trust repository is begun, or gone on with, in a draft folder.

1. The usual changes are options, done in the order in which they stand here; the rest is edited in the draft's three
   JSON files, and the command run again.
2. All of it is read as a node reads it before anything is written: a draft is whole, or as it was before.
3. Signatures under what is no longer proposed are dropped, and that is told by name.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

import click

from hub.cli.faults import Situation, facing
from hub.cli.options import FOLDER, PRESENT_FILE, parts
from hub.cli.output import Output, json_option, local, pass_output
from hub.cli.trust_keys import document, shown_key, shown_node
from hub.cli.trust_review import review_command
from hub.cli.trust_words import Names, capital
from hub.cli.words import argument, command, option
from hub.clock import utc_now
from hub.sheet import LOCAL_TIME
from hub.translation import _, mark
from keys import trust_edits as edits
from keys.publication import Expiries
from keys.signer_list import OFFLINE, ROLES
from keys.trust_documents import Documents, read_in_force
from keys.trust_draft import Proposal
from keys.trust_draft import propose as make_draft
from schemas.kinds import KINDS

KEY_DAYS: Final = 3 * 365
OVERLAP_DAYS: Final = 30
"""How long a replaced key goes on beside the new one, so that programs can be moved over."""
ONLINE: Final = tuple(role for role in ROLES if role not in OFFLINE)


def _moment(_context: click.Context, _parameter: click.Parameter, value: str | None) -> datetime | None:
    """A time as people write it here; without an offset it is local."""
    if value is None:
        return None
    try:
        moment = datetime.fromisoformat(value)
    except ValueError:
        raise click.BadParameter(
            _("{value} is no time such as 2026-11-21T08:30:00+08:00").format(value=value)
        ) from None
    return moment if moment.tzinfo is not None else moment.replace(tzinfo=LOCAL_TIME)


def _roles(context: click.Context, parameter: click.Parameter, value: str | None) -> tuple[str, ...]:
    found = parts(context, parameter, value)
    for role in found:
        if role not in OFFLINE:
            raise click.BadParameter(
                _("{role} is none of: {roles}").format(role=role, roles=" ".join(OFFLINE))
            )
    return found


def _kinds(context: click.Context, parameter: click.Parameter, value: str | None) -> tuple[str, ...]:
    every = sorted({name for name, _version in KINDS})
    found = parts(context, parameter, value)
    if found == ("all",):
        return tuple(every)
    for kind in found:
        if kind not in every:
            raise click.BadParameter(_("{kind} is none of: {kinds}").format(kind=kind, kinds=" ".join(every)))
    return found


@command(
    help=mark(
        "Begin a change of the trust repository DIR in a draft folder, or go on with a draft."
        "\n\nThe options make the usual changes, and each may be repeated. Everything else is edited in the draft's "
        "trust-list.json, agreements.json and signers.json: run the command again afterwards. Versions are raised by "
        "themselves. FILE is what `hub init` or `hub keys show` printed, as it is."
    )
)
@argument(
    "repository",
    metavar="DIR",
    type=FOLDER,
    help=mark("Folder of the trust repository in force; absent or empty for a new one."),
)
@option("--out", type=FOLDER, required=True, metavar="DRAFT", help=mark("Folder of the draft."))
@option("--add-node", type=PRESENT_FILE, multiple=True, metavar="FILE", help=mark("Add a node."))
@option(
    "--add-city",
    type=(str, str),
    multiple=True,
    metavar="CODE NODE",
    help=mark("Add a city, hosted by a node."),
)
@option(
    "--move-city",
    type=(str, str),
    multiple=True,
    metavar="CODE NODE",
    help=mark("Have another node host a city; see `hub city`."),
)
@option(
    "--remove-city",
    multiple=True,
    metavar="CODE",
    help=mark("Strike out a city, with what only it had: node, place in agreements, officers' keys."),
)
@option(
    "--add-auditor",
    type=(str, str),
    multiple=True,
    metavar="NAME CODES",
    help=mark("Add an auditor for these cities."),
)
@option(
    "--add-key",
    type=(str, PRESENT_FILE),
    multiple=True,
    metavar="OWNER FILE",
    help=mark("Add a key to a city (by its code), a node or an auditor."),
)
@option(
    "--system", metavar="NAME", help=mark("City's system that signs with the keys added, such as mediation.")
)
@option("--kinds", callback=_kinds, metavar="KINDS", help=mark("Kinds that the keys added may sign; or all."))
@option(
    "--replace-key",
    type=(str, PRESENT_FILE),
    multiple=True,
    metavar="KID FILE",
    help=mark("Add a key beside an old one, for the same use, and end the old one in 30 days, or at --at."),
)
@option(
    "--revoke", multiple=True, metavar="KID", help=mark("Revoke a key, or all of a city, node or auditor.")
)
@option(
    "--agreement", type=PRESENT_FILE, multiple=True, metavar="FILE", help=mark("Add or change an agreement.")
)
@option(
    "--add-party",
    type=(str, str),
    multiple=True,
    metavar="ID CODE",
    help=mark("Make a city party to an agreement."),
)
@option("--end-agreement", multiple=True, metavar="ID", help=mark("End an agreement."))
@option(
    "--at",
    callback=_moment,
    metavar="TIME",
    help=mark("When what is revoked, replaced or ended ends; else now."),
)
@option(
    "--remove-signer", multiple=True, metavar="KID", help=mark("Take an officer's or operator's key out.")
)
@option(
    "--add-signer",
    type=(str, PRESENT_FILE),
    multiple=True,
    metavar="CITY FILE",
    help=mark("Have an officer's key sign; CITY is the city that holds it."),
)
@option(
    "--role",
    callback=_roles,
    default="root,targets",
    show_default=True,
    metavar="ROLES",
    help=mark("What the officers added sign."),
)
@option(
    "--add-operator",
    type=(click.Choice(ONLINE), PRESENT_FILE),
    multiple=True,
    metavar="ROLE FILE",
    help=mark("Have an operator's key sign snapshot or timestamp."),
)
@option(
    "--threshold", type=click.IntRange(1), metavar="M", help=mark("Signatures needed for root and targets.")
)
@option("--targets-threshold", type=click.IntRange(1), metavar="M", help=mark("Another number for targets."))
@option("--quorum", type=click.IntRange(0), metavar="N", help=mark("Cosignatures wanted on a checkpoint."))
@option(
    "--renew",
    callback=_roles,
    metavar="ROLES",
    help=mark("Sign root or targets anew though nothing else changes."),
)
@option(
    "--root-days", type=click.IntRange(1, 3650), metavar="N", help=mark("How long a new root holds (365).")
)
@option(
    "--targets-days", type=click.IntRange(1, 3650), metavar="N", help=mark("How long new targets hold (180).")
)
@json_option
@pass_output
def propose(output: Output, /, *, repository: Path, out: Path, **asked: Any) -> None:
    now = utc_now().astimezone(LOCAL_TIME)
    with facing(Situation.PROPOSAL):
        base = read_in_force(repository)
        if base is None and not out.exists() and asked["threshold"] is None:
            raise click.UsageError(_("A new repository: say with --threshold how many signatures it needs."))
        proposal = make_draft(
            base,
            out,
            _edit(asked, now),
            now=now,
            expiries=_expiries(asked),
            renew=frozenset(asked["renew"])
            | {role for role, days in (("root", "root_days"), ("targets", "targets_days")) if asked[days]},
        )
        _say(output, proposal, Names(base, proposal.draft), None if base is None else repository)


def _expiries(asked: Mapping[str, Any]) -> Expiries:
    usual = Expiries()
    return Expiries(
        root=timedelta(days=asked["root_days"]) if asked["root_days"] else usual.root,
        targets=timedelta(days=asked["targets_days"]) if asked["targets_days"] else usual.targets,
    )


def _edit(asked: Mapping[str, Any], now: datetime) -> Callable[[Documents], None]:
    """The changes that were asked for; their files are read now."""
    ends = now + timedelta(days=KEY_DAYS)
    at = asked["at"] or now
    nodes = [shown_node(path) for path in asked["add_node"]]
    keys = [(owner, shown_key(path)) for owner, path in asked["add_key"]]
    replaced = [(kid, shown_key(path)) for kid, path in asked["replace_key"]]
    agreements = [document(path) for path in asked["agreement"]]
    officers = [(city, shown_key(path)) for city, path in asked["add_signer"]]
    operators = [(role, shown_key(path)) for role, path in asked["add_operator"]]

    def apply(documents: Documents) -> None:
        for code in asked["remove_city"]:
            edits.remove_city(documents, code)
        for node in nodes:
            edits.add_node(documents, node)
        for code, named in asked["add_city"]:
            edits.add_city(documents, code, named)
        for code, named in asked["move_city"]:
            edits.move_city(documents, code, named)
        for named, scope in asked["add_auditor"]:
            edits.add_auditor(documents, named, scope.replace("\N{FULLWIDTH COMMA}", ",").split(","))
        for owner, key in keys:
            edits.add_key(
                documents,
                owner,
                key,
                system=asked["system"],
                kinds=asked["kinds"],
                not_before=now,
                not_after=ends,
            )
        for kid, key in replaced:
            until = asked["at"] or now + timedelta(days=OVERLAP_DAYS)
            edits.replace_key(documents, kid, key, not_before=now, not_after=ends, old_until=until)
        for whose in asked["revoke"]:
            edits.revoke(documents, whose, at)
        for agreement in agreements:
            edits.set_agreement(documents, agreement)
        for named, code in asked["add_party"]:
            edits.add_party(documents, named, code)
        for named in asked["end_agreement"]:
            edits.end_agreement(documents, named, at)
        for kid in asked["remove_signer"]:
            edits.remove_signer(documents, kid)
        for city, key in officers:
            edits.add_signer(documents, city, key, asked["role"])
        for role, key in operators:
            edits.add_signer(documents, None, key, (role,))
        for role in OFFLINE if asked["threshold"] else ():
            edits.set_threshold(documents, role, asked["threshold"])
        if asked["targets_threshold"]:
            edits.set_threshold(documents, "targets", asked["targets_threshold"])
        if asked["quorum"] is not None:
            documents.trust_list["quorum"] = asked["quorum"]

    def edit(documents: Documents) -> None:
        with facing(Situation.EDIT):
            apply(documents)

    return edit


def _say(output: Output, proposal: Proposal, names: Names, against: Path | None) -> None:
    draft = proposal.draft
    roles = {name: role.signed for name, role in draft.roles().items()}
    output.facts(
        {
            "folder": str(draft.folder),
            "begun_from": {"root": draft.begun.root, "targets": draft.begun.targets},
            "roles": [
                {
                    "role": name,
                    "version": signed.version,
                    "expires_at": signed.expires.replace(tzinfo=UTC).isoformat(),
                }
                for name, signed in roles.items()
            ],
            "dropped": [{"role": role, **names.member(key_id)} for role, key_id in proposal.dropped],
        },
        [
            (_("Draft"), str(draft.folder)),
            *(
                (
                    f"{name} v{signed.version}",
                    _("to be signed, until {time}").format(time=local(signed.expires.replace(tzinfo=UTC))),
                )
                for name, signed in roles.items()
            ),
        ],
    )
    for role, key_id in proposal.dropped:
        said = _("{signer} has to sign {role} again: it says something else now.")
        output.warn(capital(said.format(signer=names.holder(key_id), role=role)))
    if roles:
        output.say(_("Next: {command}").format(command=review_command(draft.folder, against)))
    else:
        output.say(_("Nothing differs from what is in force; there is nothing to sign."))
