"""Keys that commands of `hub trust` read: private ones to sign with, public ones as other commands print them."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import click

from hub.cli.faults import Situation, facing
from hub.cli.options import read_bytes
from hub.cli.words import option
from hub.errors import Code, Problem
from hub.translation import mark
from keys.files import read_passphrase, read_signing
from keys.suite import SigningKey, verify_key_from_pem
from keys.trust_schema import TARGET_BYTES
from schemas import strict_json

TIMESTAMP_DAYS: Final = 7
SNAPSHOT_DAYS: Final = 30
"""How long what the operator signs holds."""

days_option = option(
    "--days",
    type=click.IntRange(1, 366),
    default=TIMESTAMP_DAYS,
    show_default=True,
    metavar="N",
    help=mark("How long the timestamp holds; the snapshot holds 30 days at least."),
)

_OBJECT: Final = re.compile(r"^\{$.*?^\}$", re.M | re.S)


def opened(paths: Sequence[Path], passphrase_file: Path | None) -> list[SigningKey]:
    """The keys in these files, which one passphrase opens."""
    with facing(Situation.KEY):
        passphrase = read_passphrase(passphrase_file, os.environ)
        return [read_signing(path, passphrase) for path in paths]


def document(path: Path) -> dict[str, Any]:
    """The JSON object in a file. Raises `Problem` MALFORMED."""
    return _object(path, read_bytes(path, TARGET_BYTES))


def shown(path: Path) -> dict[str, Any]:
    """What `hub keys new`, `show` or `rotate` and `hub init` print for the trust list, as it stands in a file: their
    words with the JSON in between, their `--json`, or the JSON alone; or a public key in PEM.

    Raises `Problem` MALFORMED, NOT_ALLOWED.
    """
    content = read_bytes(path, TARGET_BYTES)
    if b"PRIVATE KEY-----" in content:
        raise Problem(
            Code.NOT_ALLOWED, f"{path}: is a private key; propose what `hub keys show` prints of it"
        )
    if b"-----BEGIN PUBLIC KEY-----" in content:
        key = verify_key_from_pem(content)
        return {"kid": key.kid, "jwk": key.jwk}
    if not content.lstrip().startswith(b"{"):
        found = _OBJECT.search(content.decode("utf-8", "replace"))
        if found is None:
            raise Problem(Code.MALFORMED, f"{path}: holds nothing that `hub keys show` or `hub init` printed")
        content = found[0].encode()
    members = _object(path, content)
    for name in ("new", "trust_list", "node"):
        inner = members.get(name)
        if isinstance(inner, dict):
            members = inner
    return {name: value for name, value in members.items() if value is not None}


def shown_key(path: Path) -> dict[str, Any]:
    """A public key in such a file, or a log's or witness's verifier key. Raises `Problem` MALFORMED, NOT_ALLOWED."""
    members = shown(path)
    if not members.keys() & {"jwk", "log", "witness"} or "keys" in members:
        raise Problem(Code.MALFORMED, f"{path} holds no public key; `hub keys show` prints one")
    return members


def shown_node(path: Path) -> dict[str, Any]:
    """A node in such a file. Raises `Problem` MALFORMED, NOT_ALLOWED."""
    members = shown(path)
    if "keys" not in members or "name" not in members:
        raise Problem(Code.MALFORMED, f"{path} holds no node; `hub init` prints one")
    return members


def _object(path: Path, content: bytes) -> dict[str, Any]:
    try:
        members = strict_json.loads(content)
    except Problem as problem:
        raise Problem(problem.code, f"{path}: {problem.detail}", where=problem.where) from problem
    if not isinstance(members, dict):
        raise Problem(Code.MALFORMED, f"{path}: not a JSON object")
    return members
