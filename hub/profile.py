"""A client's profile: which node to talk to, as whom, and whom to believe.

    node = "610800.exchange"            # its name in the trust list
    trust = "../trust"                  # the trust repository, a folder
    key = "../keys/610800-office.pem"
    city = "610800"                     # left out by auditors
    passphrase_file = "passphrase"      # else HUB_PASSPHRASE, else the key is not encrypted
    url = "https://10.1.2.3:8443"       # only where the node is reached otherwise than the trust list says

Relative paths are relative to the file. What a client remembers (cursors, the versions of the trust list that
it has seen) stands beside the profile, in `<profile>.state/`.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Any, Final

from marshmallow import RAISE, Schema, ValidationError, fields, validate

from hub.client import Client
from hub.errors import Code, Problem
from keys.files import read_passphrase, read_signing
from keys.trust_list import Trust
from keys.trust_repository import open_trust

PROFILE_BYTES: Final = 64 * 1024


@dataclass(frozen=True, slots=True)
class Profile:
    """What a profile says."""

    path: Path
    node: str
    trust: Path
    key: Path
    city: str | None
    passphrase_file: Path | None
    url: str | None

    @property
    def state(self) -> Path:
        """The folder for what this client remembers."""
        return self.path.with_suffix(".state")

    def sender(self) -> str:
        """The city that this client speaks for. Raises: Problem `not-allowed` for an auditor's profile."""
        if self.city is None:
            raise Problem(Code.NOT_ALLOWED, f"{self.path.name} names no city; an auditor sends nothing")
        return self.city


class _ProfileSchema(Schema):
    class Meta:
        unknown = RAISE

    node = fields.String(required=True, validate=validate.Length(1, 64))
    trust = fields.String(required=True, validate=validate.Length(1, 1024))
    key = fields.String(required=True, validate=validate.Length(1, 1024))
    city = fields.String(load_default=None, validate=validate.Regexp(r"[1-9][0-9]{5}\Z"))
    passphrase_file = fields.String(load_default=None, validate=validate.Length(1, 1024))
    url = fields.Url(load_default=None, require_tld=False, schemes={"http", "https"})


def read_profile(path: Path) -> Profile:
    """Read a profile.

    Raises: Problem `not-found`, `too-large`, `malformed` (not TOML) or `invalid` with `where`.
    """
    try:
        with path.open("rb") as file:
            content = file.read(PROFILE_BYTES + 1)
        if len(content) > PROFILE_BYTES:
            raise Problem(Code.TOO_LARGE, f"{path}: a profile has at most {PROFILE_BYTES} bytes")
        document = tomllib.loads(content.decode())
    except FileNotFoundError as error:
        raise Problem(Code.NOT_FOUND, f"there is no profile at {path}") from error
    except (OSError, ValueError) as error:
        raise Problem(Code.MALFORMED, f"{path} cannot be read as TOML: {error}") from error
    try:
        loaded: dict[str, Any] = _ProfileSchema().load(document)
    except ValidationError as error:
        name, messages = next(iter(error.messages_dict.items()))
        raise Problem(Code.INVALID, f"{path.name}: {messages[0]}", where=f"/{name}") from error
    path = path.absolute()
    base, secret, url = path.parent, loaded["passphrase_file"], loaded["url"]
    return Profile(
        path=path,
        node=loaded["node"],
        trust=base / loaded["trust"],
        key=base / loaded["key"],
        city=loaded["city"],
        passphrase_file=None if secret is None else base / secret,
        url=None if url is None else url.rstrip("/"),
    )


def trust_of(profile: Profile, now: datetime) -> Trust:
    """The trust in force at `now`, with the profile's own address of its node. Raises as `open_trust`."""
    return reached_at(open_trust(profile.trust, profile.state / "trust", now), profile.node, profile.url)


def reached_at(trust: Trust, node: str, url: str | None) -> Trust:
    """`trust` with another address for `node`, if there is one."""
    if url is None or node not in trust.nodes:
        return trust
    return replace(trust, nodes={**trust.nodes, node: replace(trust.nodes[node], url=url)})


def open_client(profile: Profile, trust: Trust, environment: Mapping[str, str]) -> Client:
    """The client of a profile. Raises: Problem for keys and passphrases that do not fit."""
    passphrase = read_passphrase(profile.passphrase_file, environment)
    return Client(trust, profile.node, read_signing(profile.key, passphrase))
