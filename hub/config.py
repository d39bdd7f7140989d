"""A node's configuration: `hub.toml`, read once into a frozen value.

Relative paths are relative to the file. Secrets are not in it: key files are encrypted, and their
passphrase comes from `passphrase_file` or the environment variable `HUB_PASSPHRASE`. What it says of cities'
office systems (`[[adapters]]`) is read by `hub.offices.settings`.
"""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from marshmallow import Schema, ValidationError, fields, validate

from hub.errors import Code, Problem


@dataclass(frozen=True, slots=True)
class Config:
    """What `hub.toml` says.

    `url` is the address under which others sign their requests to this node; `sync_seconds` how often peers are asked
    for news; `sync_source` the address of this machine from which they are asked, where it has several.
    """

    name: str
    url: str
    host: str
    port: int
    database: str
    trust: Path
    state: Path
    node_key: Path
    log_key: Path
    witness_key: Path
    passphrase_file: Path | None
    workers: int
    threads: int
    polls: int
    sync_seconds: float
    sync_source: str | None


class _KeysSchema(Schema):
    node = fields.String(required=True, validate=validate.Length(1, 1024))
    log = fields.String(required=True, validate=validate.Length(1, 1024))
    witness = fields.String(required=True, validate=validate.Length(1, 1024))
    passphrase_file = fields.String(load_default=None, allow_none=True, validate=validate.Length(1, 1024))


class _ServeSchema(Schema):
    workers = fields.Integer(strict=True, load_default=2, validate=validate.Range(1, 64))
    threads = fields.Integer(strict=True, load_default=96, validate=validate.Range(8, 1024))
    polls = fields.Integer(strict=True, load_default=80, validate=validate.Range(1, 1000))


class _SyncSchema(Schema):
    seconds = fields.Float(load_default=5.0, validate=validate.Range(0.2, 86_400))
    source = fields.IP(load_default=None, allow_none=True)


class _ConfigSchema(Schema):
    name = fields.String(required=True, validate=validate.Regexp(r"[a-z0-9][a-z0-9.-]{1,62}\Z"))
    url = fields.Url(required=True, require_tld=False, schemes={"http", "https"})
    listen = fields.String(required=True, validate=validate.Regexp(r"[0-9A-Za-z.:\[\]-]+:[0-9]{1,5}\Z"))
    database = fields.String(load_default="sqlite:///hub.db", validate=validate.Length(1, 2048))
    trust = fields.String(load_default="trust", validate=validate.Length(1, 1024))
    state = fields.String(load_default="state", validate=validate.Length(1, 1024))
    keys = fields.Nested(_KeysSchema, required=True)
    serve = fields.Nested(_ServeSchema, load_default=lambda: _ServeSchema().load({}))
    sync = fields.Nested(_SyncSchema, load_default=lambda: _SyncSchema().load({}))
    adapters = fields.Raw()  # hub.offices.settings


def read_config(path: Path) -> Config:
    """Read `hub.toml`.

    Raises: Problem `not-found`, `malformed` (not TOML) or `invalid` with `where`.
    """
    try:
        loaded: dict[str, Any] = _ConfigSchema().load(_document(path))
    except ValidationError as error:
        where, message = first_mistake(error.messages_dict)
        raise Problem(Code.INVALID, f"{path.name}: {message}", where=where) from error
    return _config(path.resolve().parent, loaded)


def _document(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise Problem(Code.NOT_FOUND, f"there is no configuration at {path}; `hub init` makes one") from error
    except (OSError, ValueError) as error:
        raise Problem(Code.MALFORMED, f"{path} cannot be read as TOML: {error}") from error


def _config(base: Path, loaded: dict[str, Any]) -> Config:
    host, _, port = loaded["listen"].rpartition(":")
    keys, serve, source = loaded["keys"], loaded["serve"], loaded["sync"]["source"]
    secret = keys["passphrase_file"]
    if serve["polls"] >= serve["threads"]:
        raise Problem(
            Code.INVALID,
            "polls must leave threads free for other requests: set it below threads",
            where="/serve/polls",
        )
    return Config(
        name=loaded["name"],
        url=loaded["url"].rstrip("/"),
        host=host.strip("[]"),
        port=int(port),
        database=database_at(base, loaded["database"]),
        trust=base / loaded["trust"],
        state=base / loaded["state"],
        node_key=base / keys["node"],
        log_key=base / keys["log"],
        witness_key=base / keys["witness"],
        passphrase_file=None if secret is None else base / secret,
        workers=serve["workers"],
        threads=serve["threads"],
        polls=serve["polls"],
        sync_seconds=loaded["sync"]["seconds"],
        sync_source=None if source is None else str(source),
    )


def database_at(base: Path, url: str) -> str:
    """A database's URL, in which the path of an SQLite file is absolute."""
    scheme, separator, path = url.partition(":///")
    if scheme == "sqlite" and separator and not path.startswith("/"):
        return f"sqlite:///{base / path}"
    return url


def first_mistake(messages: dict[Any, Any], prefix: str = "") -> tuple[str, str]:
    """Where the first of marshmallow's messages points (a JSON pointer), and what it says."""
    name, found = next(iter(messages.items()))
    if isinstance(found, dict):
        return first_mistake(found, f"{prefix}/{name}")
    return f"{prefix}/{name}", str(found[0] if isinstance(found, list) else found)


def hosts_node(path: Path) -> bool:
    """Whether a `hub.toml` is a node's, rather than only that of offices of cities that host none.

    Raises: Problem as `read_config`.
    """
    return "name" in _document(path)
