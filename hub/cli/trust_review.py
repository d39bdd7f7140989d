"""`hub trust review`: what a draft would change, what is dangerous in it, and whose signatures it has.

What is shown is what is signed: `hub trust sign` shows the same review of the same draft, read once.
"""

from __future__ import annotations

import hashlib
import shlex
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click

from hub.cli.faults import Situation, facing
from hub.cli.options import PRESENT_FOLDER
from hub.cli.output import Output, json_option, listing, pass_output
from hub.cli.trust_dangers import dangers
from hub.cli.trust_words import Names, sentence, threshold_lines
from hub.cli.words import argument, command, option
from hub.clock import utc_now
from hub.translation import _, mark
from keys.draft_signature import without_effect
from keys.role_files import Standing
from keys.trust_changes import Change, compare
from keys.trust_documents import InForce, read_in_force
from keys.trust_draft import Draft, check_follows, read_draft

against_option = option(
    "--against",
    type=PRESENT_FOLDER,
    metavar="DIR",
    help=mark("Trust repository that is in force, your own copy of it; none for a new repository."),
)


@dataclass(frozen=True, slots=True)
class Review:
    """A draft beside what is in force."""

    base: InForce | None
    draft: Draft
    now: datetime

    @property
    def changes(self) -> list[Change]:
        return compare(self.base, self.draft)

    @property
    def ready(self) -> bool:
        """Whether it has all the signatures that it needs."""
        standings = self.draft.standings(self.base)
        return bool(standings) and all(each.met for each in standings)

    def members(self) -> dict[str, Any]:
        """All of it, for a program."""
        names = Names(self.base, self.draft)
        return {
            "begun_from": {"root": self.draft.begun.root, "targets": self.draft.begun.targets},
            "roles": [
                {
                    "role": name,
                    "version": role.signed.version,
                    "expires_at": role.signed.expires.replace(tzinfo=UTC).isoformat(),
                    "digest": hashlib.sha256(role.signed_bytes).hexdigest(),
                }
                for name, role in self.draft.roles().items()
            ],
            "changes": [
                {
                    "document": change.document,
                    "where": "/".join(("", *change.where)),
                    "before": change.before,
                    "after": change.after,
                    "said": sentence(change, names),
                }
                for change in self.changes
            ],
            "thresholds": threshold_lines(self.base, self.draft),
            "warnings": dangers(self.base, self.draft, self.now),
            "signatures": [
                {
                    "role": each.role,
                    "version": each.version,
                    "counted_by_root": each.judge,
                    "needed": each.threshold,
                    "signed": [names.member(key_id) for key_id in sorted(each.signed)],
                    "missing": [names.member(key_id) for key_id in sorted(each.missing)],
                    "met": each.met,
                }
                for each in self.draft.standings(self.base)
            ],
            "without_effect": [
                {"role": role, **names.member(key_id)}
                for role, key_id in without_effect(self.draft, self.base)
            ],
            "ready": self.ready,
        }

    def show(self, output: Output) -> None:
        """All of it, for a person."""
        names = Names(self.base, self.draft)
        begun = self.draft.begun
        if self.base is None:
            output.say(_("A new trust repository"), style="bold")
        else:
            said = _("Draft after root version {root} and targets version {targets}, which are in force")
            output.say(said.format(root=begun.root, targets=begun.targets), style="bold")
        changes = [change for change in self.changes if "thresholds" not in change.where]
        self._section(output, _("Changes"), [sentence(change, names) for change in changes])
        self._section(output, _("Signatures needed"), threshold_lines(self.base, self.draft))
        if not self.draft.roles():
            output.say("")
            output.say(_("Nothing differs from what is in force; there is nothing to sign."), style="bold")
            return
        warnings = dangers(self.base, self.draft, self.now)
        if warnings:
            output.say("")
            output.say(_("Warnings"), style="bold underline")
            for warning in warnings:
                output.say(f"! {warning}", style="yellow")
        lines = [line for each in self.draft.standings(self.base) for line in _standing(each, names)]
        lines += [
            _("✗ The signature of {signer} under {role} counts for nothing here").format(
                signer=names.holder(key_id), role=role
            )
            for role, key_id in without_effect(self.draft, self.base)
        ]
        self._section(output, _("Signatures"), lines)
        digests = [
            _("{role} version {version}: {digest}").format(
                role=name, version=role.signed.version, digest=hashlib.sha256(role.signed_bytes).hexdigest()
            )
            for name, role in self.draft.roles().items()
        ]
        self._section(output, _("Compare by telephone: SHA-256 of what is signed"), digests)
        output.say("")
        output.say(
            _("Enough signatures; it can be published.") if self.ready else _("Signatures are missing."),
            style="bold",
        )

    @staticmethod
    def _section(output: Output, heading: str, lines: Sequence[str]) -> None:
        if not lines:
            return
        output.say("")
        output.say(heading, style="bold underline")
        for line in lines:
            output.say(f"- {line}" if line[:1] not in "✓✗" else line)


def reviewed(folder: Path, against: Path | None, now: datetime) -> Review:
    """The review of a draft that agrees with itself and follows what is in force. Raises `Problem`."""
    with facing(Situation.REVIEW):
        draft = read_draft(folder)
    base = None if against is None else read_in_force(against)
    if base is None and draft.begun.root:
        raise click.UsageError(
            _("The draft changes a repository: name the one in force, your own copy, with --against.")
        )
    with facing(Situation.REVIEW):
        check_follows(draft, base, now)
    return Review(base, draft, now)


def review_command(folder: Path, against: Path | None) -> str:
    """The command that shows the review of a draft, as it is typed."""
    words = ["hub", "trust", "review", str(folder)]
    return shlex.join(words if against is None else [*words, "--against", str(against)])


def _standing(each: Standing, names: Names) -> list[str]:
    said = _("{tick} {role} version {version}, as root version {judge} counts: {have} of {needed}")
    lines = [
        said.format(
            tick="✓" if each.met else "✗",
            role=each.role,
            version=each.version,
            judge=each.judge,
            have=len(each.signed),
            needed=each.threshold,
        )
    ]
    if each.signed:
        signed = listing(sorted(map(names.holder, each.signed)))
        lines.append(_("signed by: {signers}").format(signers=signed))
    if not each.met:
        missing = listing(sorted(map(names.holder, each.missing)))
        lines.append(_("may still sign: {signers}").format(signers=missing))
    return lines


@command(
    help=mark(
        "Show what a draft would change, what is dangerous in it, and whose signatures it has."
        "\n\nRead it before you sign. It says everything that differs from the repository in force."
    )
)
@argument("draft", metavar="DRAFT", type=PRESENT_FOLDER, help=mark("Folder of the draft."))
@against_option
@json_option
@pass_output
def review(output: Output, draft: Path, against: Path | None) -> None:
    with facing(Situation.REVIEW):
        found = reviewed(draft, against, utc_now())
        if output.as_json:
            output.json(found.members())
            return
        found.show(output)
