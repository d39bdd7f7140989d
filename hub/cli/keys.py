"""`hub keys`: private keys in files, and what others need to know of them."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import click

from hub.cli.faults import Situation, facing
from hub.cli.options import CONFIG, FILE, PRESENT_FILE, passphrase_option
from hub.cli.output import Output, json_option, pass_output
from hub.cli.words import Group, argument, option
from hub.config import read_config
from hub.errors import Code, Problem
from hub.log.note import COSIGNATURE, ED25519, VerifierKey
from hub.translation import _, mark
from keys.files import read_passphrase, read_signing, read_unseal, write_private
from keys.suite import PrivateKey, VerifyKey, generate_signing, generate_unseal

USES: Final = ("sign", "seal", "node", "log", "witness", "audit")
LISTED: Final = ("sign", "seal", "node", "audit")
"""Uses whose keys stand in the trust list as JWK; `log` and `witness` stand there as verifier keys."""
_TYPES: Final = {"log": ED25519, "witness": COSIGNATURE}


@dataclass(frozen=True, slots=True)
class _Passphrase:
    """Where a new file's passphrase comes from."""

    file: Path | None
    none: bool

    def read(self) -> bytes | None:
        """Raises: Problem `not-allowed` where there is none and nobody said that none is wanted."""
        if self.none:
            return None
        found = read_passphrase(self.file, os.environ)
        if found is None:
            raise Problem(
                Code.NOT_ALLOWED,
                "no passphrase: name a file with --passphrase-file, set HUB_PASSPHRASE, or say --no-passphrase",
            )
        return found


_no_passphrase = option("--no-passphrase", is_flag=True, help=mark("Leave the key unencrypted."))
_name = option("--name", help=mark("Name of the node, for the verifier key of a log or a witness."))
_use = option("--use", "use", type=click.Choice(USES), help=mark("What the key is for."))


@click.group(cls=Group, help=mark("Make, show and replace keys."))
def keys() -> None:
    pass


@keys.command(help=mark("Make a private key, in a file that only its owner may read."))
@option("--use", "use", type=click.Choice(USES), required=True, help=mark("What the key is for."))
@option("--out", type=FILE, required=True, help=mark("File to write; never an existing one."))
@passphrase_option
@_no_passphrase
@_name
@json_option
@pass_output
def new(
    output: Output,
    *,
    use: str,
    out: Path,
    passphrase_file: Path | None,
    no_passphrase: bool,
    name: str | None,
) -> None:
    key = generate(use)
    with facing(Situation.KEY):
        members = _members(out, key, use, name)
        write_private(out, key, _Passphrase(passphrase_file, no_passphrase).read())
    _show(output, key, members)


@keys.command(help=mark("Show a key's id and its public half."))
@argument("file", type=PRESENT_FILE, help=mark("Key file."))
@passphrase_option
@_use
@_name
@json_option
@pass_output
def show(output: Output, file: Path, passphrase_file: Path | None, use: str | None, name: str | None) -> None:
    with facing(Situation.KEY):
        key = read_private(file, read_passphrase(passphrase_file, os.environ))
        members = _members(file, key, use, name)
    _show(output, key, members)


@keys.command(
    help=mark(
        "Replace a key: make a new one in its place and keep the old one beside it, with its id in the name."
        "\n\nThe key of a log is not replaced: a new key is a new log."
    )
)
@argument("file", type=PRESENT_FILE, help=mark("Key file."))
@passphrase_option
@_no_passphrase
@_use
@_name
@json_option
@pass_output
def rotate(
    output: Output,
    *,
    file: Path,
    passphrase_file: Path | None,
    no_passphrase: bool,
    use: str | None,
    name: str | None,
) -> None:
    use = use or _configured_use(file)
    with facing(Situation.KEY):
        old = read_private(file, read_passphrase(passphrase_file, os.environ))
        _check_use(old, use)
        with facing(Situation.LOG_KEY):
            if use == "log":
                raise Problem(Code.NOT_ALLOWED, f"{file} is the key of a log; nothing was changed")
        new_key = generate("sign" if isinstance(old.public, VerifyKey) else "seal")
        members = _members(file, new_key, use, name)
        passphrase = _Passphrase(passphrase_file, no_passphrase).read()
        kept = file.with_name(f"{file.stem}-{old.kid}{file.suffix}")
        made = file.with_name(f"{file.stem}-{new_key.kid}{file.suffix}")
        if kept.exists():
            raise Problem(Code.CONFLICT, f"{kept} exists; the old key is not written over it")
        write_private(made, new_key, passphrase)
        try:
            # The old key is never without a name: it gets its second one before the first is taken over.
            os.link(file, kept)
            made.replace(file)
        except OSError as error:
            made.unlink(missing_ok=True)
            raise Problem(Code.NOT_ALLOWED, f"{file} cannot be replaced: {error.strerror}") from error
    if output.as_json:
        output.json({"old": {"kid": old.kid, "file": str(kept)}, "new": members})
        return
    _show(output, new_key, members)
    output.say("")
    output.lines([(_("Old key"), f"{old.kid}"), (_("Kept as"), str(kept))])
    output.say("")
    output.say(_("What to do next:"), style="bold")
    for number, step in enumerate(_next_steps(new_key, use), start=1):
        output.say(f"{number}. {step}")


def generate(use: str) -> PrivateKey:
    """A new key that fits a use."""
    return generate_unseal() if use == "seal" else generate_signing()


def read_private(path: Path, passphrase: bytes | None) -> PrivateKey:
    """The key in a file, whichever it is. Raises: Problem as `keys.files.read_signing`."""
    try:
        return read_signing(path, passphrase)
    except Problem as refused:
        if refused.code is not Code.MALFORMED:
            raise
        try:
            return read_unseal(path, passphrase)
        except Problem:
            raise refused from None


def _configured_use(file: Path) -> str | None:
    """What a node's configuration beside the key, or above it, says that the key is for."""
    for folder in (file.absolute().parent, file.absolute().parent.parent):
        try:
            config = read_config(folder / CONFIG)
        except Problem:
            continue
        named = {"node": config.node_key, "log": config.log_key, "witness": config.witness_key}
        for use, path in named.items():
            if path.exists() and path.samefile(file):
                return use
    return None


def _next_steps(key: PrivateKey, use: str | None) -> list[str]:
    listed = _(
        "Have the new key added to the trust list beside the old one, and the list signed and published."
    )
    if use == "witness":
        listed = _(
            "Have its verifier key put in the old one's place in the trust list, signed and published."
        )
    common = [
        listed,
        _(
            "Restart the programs that use this file once the new list is in force; until then put the old key back."
        ),
    ]
    if use is None and isinstance(key.public, VerifyKey):
        common.insert(
            0, _("If this was the key of a log, put the old one back: a log keeps its key for good.")
        )
    if use == "witness":
        last = _("Keep the old key no longer than until then: nothing is opened with it.")
    elif isinstance(key.public, VerifyKey):
        last = _("Then end the old key with not_after; with revoked_at only if it may be in other hands.")
    else:
        last = _("Keep the old key: what was sealed to it opens with nothing else. End it with not_after.")
    return [*common, last]


def _show(output: Output, key: PrivateKey, members: dict[str, Any]) -> None:
    shown = [(_("File"), members["file"]), (_("Key id"), key.kid), (_("Curve"), key.public.jwk["crv"])]
    shown += [(_("Verifier key"), text) for text in members.get("verifier_keys", {}).values()]
    output.facts(members, shown)
    if output.as_json:
        return
    if members["use"] in _TYPES and "verifier_keys" not in members:
        said = _(
            "The trust list names the key of a log or a witness as a verifier key, which needs the node's name: "
            "hub keys show {file} --use {use} --name NAME"
        )
        output.say(said.format(file=members["file"], use=members["use"]), style="bold")
        return
    output.say(_("For the trust list:"), style="bold")
    output.json(members["trust_list"])


def _check_use(key: PrivateKey, use: str | None) -> None:
    if use is not None and (use == "seal") is isinstance(key.public, VerifyKey):
        raise Problem(Code.INVALID, f"this key is not one for the use {use}")


def _members(file: Path, key: PrivateKey, use: str | None, name: str | None) -> dict[str, Any]:
    _check_use(key, use)
    verifiers: dict[str, str] = {}
    if name is not None and isinstance(key.public, VerifyKey):
        wanted = [use] if use in _TYPES else list(_TYPES)
        verifiers = {each: str(VerifierKey(name, _TYPES[each], key.public)) for each in wanted if each}
    snippet: dict[str, Any] = {"kid": key.kid, "use": use, "jwk": key.public.jwk}
    if use in _TYPES:
        snippet = {use: verifiers[use]} if use in verifiers else {}
    elif use is None:
        del snippet["use"]
    found: dict[str, Any] = {"file": str(file), "kid": key.kid, "use": use, "jwk": key.public.jwk}
    if verifiers:
        found["verifier_keys"] = verifiers
    return {**found, "trust_list": snippet}
