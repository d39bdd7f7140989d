"""`hub trust sign`: one officer's signature under a draft, after reading what it would change.

1. The review is shown first, and answered: `--yes` is for scripts, and without a terminal it has to be said.
2. With `--out` the draft is left as it is and the signature written to a small file, to be mailed. `--import` merges
   such files; a signature that does not count is refused by name, and nothing of that run is merged.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

import click

from hub.cli.faults import Situation, facing
from hub.cli.options import FILE, PRESENT_FILE, PRESENT_FOLDER, passphrase_option, write_whole
from hub.cli.output import Output, json_option, pass_output
from hub.cli.trust_review import Review, against_option, review_command, reviewed
from hub.cli.trust_words import Names
from hub.cli.words import argument, command, option
from hub.clock import utc_now
from hub.errors import Code, Problem
from hub.translation import _, mark
from keys.draft_signature import RoleSignature, encode_signatures, merge, read_signatures
from keys.draft_signature import sign as signatures_of
from keys.files import read_passphrase, read_signing


@command(
    help=mark(
        "Sign a draft with your key, after reading what it would change; or merge signatures that came by mail."
        "\n\nThe key stays where it is. With --out the signature alone is written, in a small file to be mailed to "
        "whoever gathers them; --import merges such files into the draft."
    )
)
@argument("draft", metavar="DRAFT", type=PRESENT_FOLDER, help=mark("Folder of the draft."))
@against_option
@option("--key", type=PRESENT_FILE, help=mark("Your key."))
@passphrase_option
@option("--out", type=FILE, help=mark("Write the signature to this file, and leave the draft as it is."))
@option(
    "--import",
    "imported",
    type=PRESENT_FILE,
    multiple=True,
    help=mark("Merge the signature in this file; may be repeated."),
)
@option("--yes", is_flag=True, help=mark("Do not ask: for scripts."))
@json_option
@pass_output
def sign(
    output: Output,
    *,
    draft: Path,
    against: Path | None,
    key: Path | None,
    passphrase_file: Path | None,
    out: Path | None,
    imported: tuple[Path, ...],
    yes: bool,
) -> None:
    if (key is None) == (not imported) or (out is not None and key is None):
        raise click.UsageError(_("Give --key, with --out if the signature is to be mailed; or --import."))
    now = utc_now()
    with facing(Situation.SIGNING):
        found = reviewed(draft, against, now)
        if key is None:
            made = tuple(each for path in imported for each in read_signatures(path))
        else:
            with facing(Situation.KEY):
                _check_outside(key, draft)
            _confirm(output, found, yes)
            with facing(Situation.KEY):
                signing = read_signing(key, read_passphrase(passphrase_file, os.environ))
            made = signatures_of(found.draft, found.base, signing, now)
        if out is None:
            merge(found.draft, found.base, made, now)
            found.draft.save()
        else:
            write_whole(out, encode_signatures(made))
    _say(output, found, made, out, against)


def _check_outside(key: Path, draft: Path) -> None:
    if key.resolve().is_relative_to(draft.resolve()):
        raise Problem(
            Code.NOT_ALLOWED, "the key lies in the draft's folder, which is sent around: move it out"
        )


def _confirm(output: Output, found: Review, yes: bool) -> None:
    """Show what would be signed, and have it answered. Raises: UsageError, Abort."""
    found.show(output)
    if yes:
        return
    if not sys.stdin.isatty() or output.as_json:
        raise click.UsageError(_("There is nobody to ask; say --yes if this was read and is to be signed."))
    output.say("")
    click.confirm(_("Do you sign this?"), abort=True)


def _say(
    output: Output, found: Review, made: tuple[RoleSignature, ...], out: Path | None, against: Path | None
) -> None:
    names = Names(found.base, found.draft)
    output.facts(
        {
            "signatures": [
                {"role": each.role, "version": each.version, "kid": each.kid, "digest": each.digest}
                for each in made
            ],
            "file": None if out is None else str(out),
            "ready": found.ready,
        },
        [
            (
                "✓",
                _("{role} version {version} signed by {signer}").format(
                    role=each.role, version=each.version, signer=names.signer(each.kid)
                ),
            )
            for each in made
        ],
    )
    if out is not None:
        output.say(_("Mail this file to whoever gathers the signatures: {file}").format(file=out))
    elif found.ready:
        output.say(_("Enough signatures; it can be published."))
    else:
        step = review_command(found.draft.folder, against)
        output.say(_("Signatures are missing; `{step}` says whose.").format(step=step))
