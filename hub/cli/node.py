"""`hub init`, `hub run`, `hub serve`, `hub jobs`: a node's folder, its web, and its clock."""

from __future__ import annotations

import os
import secrets
import tempfile
from collections.abc import Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Final

import orjson

from hub.cli.faults import Situation, facing
from hub.cli.options import CONFIG, FOLDER, PRESENT_FILE, node_config
from hub.cli.output import Output, json_option, pass_output
from hub.cli.words import command, option
from hub.clock import utc_now
from hub.config import hosts_node, read_config
from hub.diagnostics import configure_logging
from hub.errors import Code, Problem
from hub.log.note import COSIGNATURE, ED25519, VerifierKey
from hub.offices.settings import read_offices, scheduled
from hub.serving import end_with_supervisor
from hub.serving import serve as serve_node
from hub.translation import _, mark
from keys.files import read_passphrase, write_private
from keys.suite import SigningKey, generate_signing

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
            "Then put the signed trust repository into {trust} and run: hub run --config {config}. "
            "Keep a copy of keys and passphrase where the node's machine cannot reach it."
        ).format(trust=folder / "trust", config=config)
    )


@command(
    name="run",
    help=mark(
        "Run a node until a signal ends it: its web workers, and beside them what the clock asks for."
        "\n\nThat is `hub serve` and `hub jobs` together."
    ),
)
@node_config
def run(config: Path) -> None:
    _serve(config, ("jobs", "--config", str(config.resolve())))


@command(
    help=mark("Serve a node's web alone until a signal ends it; `hub jobs` does what the clock asks for.")
)
@node_config
def serve(config: Path) -> None:
    _serve(config, ())


def _serve(config: Path, beside: Sequence[str]) -> None:
    with facing(Situation.CONFIG):
        read = read_config(config)
        read_offices(config)
    with facing(Situation.STARTING):
        serve_node(config, read, beside)


@command(
    help=mark(
        "Do what the clock asks for, until a signal ends it: fetch from peers, have the log witnessed, forget what is "
        "due, work off offices."
        "\n\nOn several hosts one process works and the others stand by. A city that hosts no node runs this alone."
    )
)
@node_config
def jobs(config: Path) -> None:
    # Loaded only where they are needed: the web's supervisor does without.
    from hub import jobs as clockwork  # noqa: PLC0415
    from hub.node import Node  # noqa: PLC0415

    end_with_supervisor()
    configure_logging()
    with facing(Situation.CONFIG):
        offices = read_offices(config)
        own = hosts_node(config)
        if not own and not scheduled(offices):
            raise Problem(
                Code.INVALID, f"{config}: no node, and no source and no sink has a schedule (every, cron)"
            )
        read = read_config(config) if own else None
    if read is None:
        clockwork.run_offices(offices)
        return
    with facing(Situation.STARTING):
        clockwork.run_node(Node(read), offices)


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
