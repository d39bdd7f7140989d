"""`hub init` and `hub serve`: a node's folder, and the node."""

from __future__ import annotations

import os
import secrets
import tempfile
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Final

import orjson

from hub.cli.faults import Situation, facing
from hub.cli.options import FOLDER, PRESENT_FILE
from hub.cli.output import Output, json_option, pass_output
from hub.cli.words import command, option
from hub.clock import utc_now
from hub.config import read_config
from hub.errors import Code, Problem
from hub.log.note import COSIGNATURE, ED25519, VerifierKey
from hub.serving import serve as serve_node
from hub.translation import _, mark
from keys.files import read_passphrase, write_private
from keys.suite import SigningKey, generate_signing

CONFIG: Final = "hub.toml"
KEYS: Final = "keys"
PASSPHRASE: Final = "passphrase"  # noqa: S105 (a file's name)
USES: Final = ("node", "log", "witness")
VALIDITY: Final = timedelta(days=3 * 365)
"""How long a new node's key is proposed to hold; the ceremony decides."""


@command(
    help=mark(
        "Make a node's folder: hub.toml and three encrypted keys, for requests, log and witness."
        "\n\nIt prints what the cities' ceremony needs to take the node into trust-list.json. Nothing that exists is "
        "ever written over."
    )
)
@option("--dir", "folder", type=FOLDER, required=True, help=mark("Folder of the node."))
@option("--name", required=True, help=mark("Name of the node, such as 610800.exchange."))
@option("--url", required=True, help=mark("Address under which others reach it."))
@option("--listen", required=True, metavar="HOST:PORT", help=mark("Address on which it listens."))
@option(
    "--database", metavar="URL", default="sqlite:///hub.db", show_default=True, help=mark("Its database.")
)
@option(
    "--passphrase-file",
    type=PRESENT_FILE,
    help=mark("File with the keys' passphrase; made if none is named."),
)
@json_option
@pass_output
def init(
    output: Output,
    *,
    folder: Path,
    name: str,
    url: str,
    listen: str,
    database: str,
    passphrase_file: Path | None,
) -> None:
    config, key_folder = folder / CONFIG, folder / KEYS
    secret = key_folder / PASSPHRASE if passphrase_file is None else passphrase_file.resolve()
    shown_secret = f"{KEYS}/{PASSPHRASE}" if passphrase_file is None else str(secret)
    written = _written(name, url, listen, database, shown_secret)
    with facing(Situation.CONFIG):
        for path in (config, key_folder):
            if path.exists():
                raise Problem(Code.CONFLICT, f"{path} exists; a node is never made over another")
        _check(written)
    passphrase = secrets.token_urlsafe(32).encode()
    if passphrase_file is not None:
        with facing(Situation.KEY):
            passphrase = read_passphrase(passphrase_file, {}) or b""
    with facing(Situation.WRITING):
        try:
            folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            made = _make_keys(key_folder, None if passphrase_file else secret, passphrase)
            draft = folder / f".{CONFIG}.new"
            draft.write_text(written, encoding="utf-8")
            os.link(draft, config)
            draft.unlink()
        except OSError as error:
            raise Problem(Code.NOT_ALLOWED, f"{folder} cannot be written: {error.strerror}") from error
    listed = _listed(name, url.rstrip("/"), made, utc_now())
    if output.as_json:
        output.json({"config": str(config.resolve()), "node": listed})
        return
    output.lines(
        [(_("Configuration"), str(config)), (_("Keys"), str(key_folder)), (_("Passphrase"), str(secret))]
    )
    output.say("")
    output.say(_("Send this to the ceremony, for `nodes` in trust-list.json:"), style="bold")
    output.json(listed)
    output.say(
        _(
            "Then put the signed trust repository into {trust} and run: hub serve --config {config}. "
            "Keep a copy of keys and passphrase where the node's machine cannot reach it."
        ).format(trust=folder / "trust", config=config)
    )


@command(help=mark("Serve a node until a signal ends it."))
@option(
    "--config", type=PRESENT_FILE, default=CONFIG, show_default=True, help=mark("Configuration of the node.")
)
def serve(config: Path) -> None:
    with facing(Situation.CONFIG):
        read = read_config(config)
    with facing(Situation.STARTING):
        serve_node(config, read)


_EXPLAINED: Final = {
    "/name": "a node's name has 2 to 63 lower-case letters, digits, dots and hyphens, such as 610800.exchange",
    "/url": "--url is an http or https address, such as https://exchange.example.cn",
    "/listen": "--listen is HOST:PORT, such as 127.0.0.1:8443",
}


def _check(written: str) -> None:
    """Read a configuration as the node will, before anything is made. Raises: Problem `invalid` with `where`."""
    with tempfile.TemporaryDirectory(prefix="hub-init-") as folder:
        draft = Path(folder) / CONFIG
        draft.write_text(written, encoding="utf-8")
        try:
            read_config(draft)
        except Problem as problem:
            said = _EXPLAINED.get(problem.where or "")
            if said is None:
                raise
            raise Problem(problem.code, said, where=problem.where) from problem


def _written(name: str, url: str, listen: str, database: str, secret: str) -> str:
    """The text of `hub.toml`. TOML's basic strings are written as JSON's are (TOML 1.0, String)."""

    def quoted(text: str) -> str:
        return orjson.dumps(text).decode()

    return (
        f"name = {quoted(name)}\n"
        f"url = {quoted(url)}\n"
        f"listen = {quoted(listen)}\n"
        f"database = {quoted(database)}\n"
        'trust = "trust"\n'
        'state = "state"\n'
        "\n[keys]\n"
        + "".join(f'{use} = "{KEYS}/{use}.pem"\n' for use in USES)
        + f"passphrase_file = {quoted(secret)}\n"
    )


def _make_keys(folder: Path, secret: Path | None, passphrase: bytes) -> dict[str, SigningKey]:
    """Three keys, and the passphrase's file where one is to be made."""
    folder.mkdir(mode=0o700)
    if secret is not None:
        descriptor = os.open(secret, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.write(passphrase + b"\n")
            file.flush()
            os.fsync(file.fileno())
    made = {use: generate_signing() for use in USES}
    for use, key in made.items():
        write_private(folder / f"{use}.pem", key, passphrase)
    return made


def _listed(name: str, url: str, made: dict[str, SigningKey], now: datetime) -> dict[str, Any]:
    """The node as it stands in `trust-list.json`."""
    key = made["node"].public
    return {
        "name": name,
        "url": url,
        "keys": [
            {
                "kid": key.kid,
                "use": "node",
                "jwk": key.jwk,
                "not_before": now.isoformat(timespec="seconds"),
                "not_after": (now + VALIDITY).isoformat(timespec="seconds"),
            }
        ],
        "log": str(VerifierKey(name, ED25519, made["log"].public)),
        "witness": str(VerifierKey(name, COSIGNATURE, made["witness"].public)),
    }
