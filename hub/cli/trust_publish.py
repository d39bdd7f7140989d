"""`hub trust publish`: a draft that enough cities signed comes into force.

Published is what `keys.publication` lets through: thresholds of the old and the new root, versions, expiry. A draft
that was overtaken is refused, and what was changed meanwhile, by whose signatures, is told.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path

from hub.cli.faults import LocalProblem, Situation, facing
from hub.cli.options import FOLDER, PRESENT_FILE, PRESENT_FOLDER, passphrase_option
from hub.cli.output import Output, json_option, listing, local, pass_output
from hub.cli.trust_keys import SNAPSHOT_DAYS, days_option, opened
from hub.cli.trust_shown import signers
from hub.cli.trust_words import Names, sentence
from hub.cli.words import argument, command, option
from hub.clock import utc_now
from hub.errors import Code, Problem
from hub.translation import _, mark
from keys import publication
from keys.role_files import encode_role, held_version, newest_root, standing_of, versions
from keys.trust_changes import compare_documents
from keys.trust_documents import InForce, read_in_force
from keys.trust_draft import Begun, Draft, check_follows, read_draft
from schemas.faults import Fault


@command(
    help=mark(
        "Put a signed draft in force: check its signatures, add snapshot and timestamp, write the repository."
        "\n\nNothing is written unless all of it holds. Run it again if it was broken off; what is in force already is "
        "left alone."
    )
)
@argument("draft", metavar="DRAFT", type=PRESENT_FOLDER, help=mark("Folder of the draft."))
@option(
    "--to",
    "repository",
    type=FOLDER,
    required=True,
    metavar="DIR",
    help=mark("Folder of the trust repository; made if it is absent."),
)
@option("--snapshot-key", type=PRESENT_FILE, required=True, help=mark("The operator's key for this role."))
@option("--timestamp-key", type=PRESENT_FILE, required=True, help=mark("The operator's key for this role."))
@days_option
@passphrase_option
@json_option
@pass_output
def publish(
    output: Output,
    *,
    draft: Path,
    repository: Path,
    snapshot_key: Path,
    timestamp_key: Path,
    days: int,
    passphrase_file: Path | None,
) -> None:
    now = utc_now()
    snapshot, timestamp = opened((snapshot_key, timestamp_key), passphrase_file)
    with facing(Situation.PUBLISHING):
        with facing(Situation.REVIEW):
            found = read_draft(draft)
        already = publication.in_force_already(repository, draft, now)
        if not already:
            _check_not_overtaken(found, repository, now)
            publication.publish(
                repository,
                draft,
                snapshot_key=snapshot,
                timestamp_key=timestamp,
                now=now,
                expiries=publication.Expiries(
                    snapshot=timedelta(days=max(days, SNAPSHOT_DAYS)), timestamp=timedelta(days=days)
                ),
            )
        roles = signers(repository)
    output.facts(
        {
            "folder": str(repository),
            "published": not already,
            "roles": [role.members() for role in roles],
        },
        [
            (_("Trust repository"), str(repository)),
            *(
                (f"{role.role} v{role.version}", _("until {time}").format(time=local(role.expires_at)))
                for role in roles
            ),
        ],
    )
    if already:
        output.say(_("All of it was in force already; nothing was written."))
    elif not found.begun.root:
        output.say(_("Give 1.root.json to every node by a way that you trust."))
    output.say(_("Copy the folder to every node, timestamp.json last."))


def _check_not_overtaken(draft: Draft, repository: Path, now: datetime) -> None:
    """See that the draft follows what the repository has in force. Raises `Problem`, with what changed meanwhile."""
    broken_off = (
        draft.root is not None
        and bool(versions(repository, "root"))
        and encode_role(newest_root(repository)) == encode_role(draft.root)
        and held_version(repository) == draft.begun.targets
    )
    base = read_in_force(repository, draft.begun.root if broken_off else None)
    try:
        check_follows(draft, base, now)
    except Problem as problem:
        if problem.code is not Code.CONFLICT or base is None or Begun.of(base) == draft.begun:
            raise
        said = _meanwhile(draft, base, repository)
        faults = [Fault("", each, each) for each in said]
        raise LocalProblem(problem, Situation.PUBLISHING, faults) from problem


def _meanwhile(draft: Draft, held: InForce, repository: Path) -> list[str]:
    """What was published since the draft was begun, and who signed it."""
    begun, now_held = draft.begun, Begun.of(held)
    said = _(
        "The draft was begun from root {root} and targets {targets}; in force are root {new_root} and targets {new}."
    )
    told = [said.format(root=begun.root, targets=begun.targets, new_root=now_held.root, new=now_held.targets)]
    if not 0 < begun.root <= now_held.root or not 0 < begun.targets <= now_held.targets:
        return told
    before = read_in_force(repository, begun.root, begun.targets)
    names = Names(before, Draft(draft.folder, begun, held.documents, held.root, held.targets))
    old = None if before is None else before.documents
    told += [sentence(change, names) for change in compare_documents(old, held.documents)]
    for name, role, version in (("root", held.root, begun.root), ("targets", held.targets, begun.targets)):
        if role.signed.version > version:
            signed = standing_of(held.root.signed, name, role).signed
            said = _("{role} version {version} was signed by {signers}")
            who = listing(sorted(map(names.holder, signed)))
            told.append(said.format(role=name, version=role.signed.version, signers=who))
    return told
