"""What `hub.toml` says of cities' office systems: a table `[[adapters]]` for each city.

    [[adapters]]
    city = "150600"
    profile = "clients/150600-office.toml"     # node, trust list, signing key
    seal_key = "keys/150600-seal.pem"          # opens what arrives, and what is kept in quarantine
    passphrase_file = "keys/passphrase"        # of the seal key; else HUB_PASSPHRASE
    agreement = "border-2026"
    marking = "amber"                          # amber if left out
    to = ["610800"]                            # recipients of rows that name none

      [[adapters.in]]
      name = "mediation"
      url = "/srv/export"                      # a folder, or sftp://, https://, postgresql+psycopg://
      files = "*.csv"
      every = "10m"                            # or cron = "30 2 * * *"; by hand alone if neither is there

      [[adapters.out]]
      name = "arrivals"
      url = "sftp://office@10.1.2.3/in"
      every = "5m"

1. A part with a mistake refuses the whole file, with the place of the mistake; nothing is half in force.
2. Relative paths are relative to the file. Secrets stand in files of their own, mode 0600, never here.
3. A file of a city that hosts no node may have nothing but `database`, `state` and `[[adapters]]`.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

from marshmallow import RAISE, Schema, ValidationError, fields, validate, validates_schema

from hub.config import database_at, first_mistake
from hub.errors import Code, Problem
from schemas.kinds import KINDS
from schemas.markings import MARKINGS

_UNITS: Final = {"s": 1, "m": 60, "h": 3600, "d": 86400}
_SPAN: Final = re.compile(r"([1-9][0-9]{0,5})([smhd])\Z")
_WEEKDAYS: Final = ("sun", "mon", "tue", "wed", "thu", "fri", "sat", "sun")
_WEEKDAY_RANGE: Final = re.compile(r"(\*|[0-7])(?:-([0-7]))?(?:/([1-7]))?\Z")
_NAME: Final = validate.Regexp(r"[a-z0-9][a-z0-9-]{0,31}\Z", error="small letters, digits and hyphens")
_CODE: Final = validate.Regexp(
    r"[1-9][0-9]{5}\Z", error="six digits of GB/T 2260; the trust list says which are cities"
)
_PATH: Final = validate.Length(1, 1024)
KIND_NAMES: Final = tuple(sorted({name for name, _ in KINDS}))


@dataclass(frozen=True, slots=True)
class Schedule:
    """When a source is read or a sink is fed: every so many seconds, or by a crontab line in local time.

    A run is put off by up to `jitter` seconds, so that all cities do not come at once; one that is late by more
    than `misfire_seconds` is left out, and the next one does its work.
    """

    every_seconds: int | None
    cron: str | None
    jitter_seconds: int
    misfire_seconds: int


@dataclass(frozen=True, slots=True)
class Access:
    """How a place is entered. Of a URL only what is not secret stands in `url`."""

    name: str
    url: str
    key: Path | None
    passphrase_file: Path | None
    password_file: Path | None
    token_file: Path | None
    known_hosts: Path | None
    ca: Path | None
    timeout_seconds: int


def folder_access(name: str, folder: Path) -> Access:
    """The access to a folder of this machine."""
    return Access(name, folder.resolve().as_uri(), None, None, None, None, None, None, 30)


@dataclass(frozen=True, slots=True)
class SourceSettings:
    """One place that a city's exports are taken from.

    `files` is a pattern (folder, SFTP); `page`, `first_page`, `items`, `next` say how a list over HTTP goes on.
    `withdraw_at_most` bounds how many records may be withdrawn in one run because their rows are gone.
    """

    access: Access
    files: str
    settle_seconds: int
    page: str | None
    first_page: int
    items: str | None
    next: str | None
    withdraw_at_most: int
    schedule: Schedule | None


@dataclass(frozen=True, slots=True)
class SinkSettings:
    """One place that arrivals are written to, in the city's own formats; `kinds` limits which, if not empty."""

    access: Access
    kinds: frozenset[str]
    schedule: Schedule | None


@dataclass(frozen=True, slots=True)
class OfficeSettings:
    """A city's office: who it is, where it takes from and where it gives to."""

    city: str
    profile: Path
    seal_key: Path
    passphrase_file: Path | None
    agreement: str
    marking: str
    to: tuple[str, ...]
    dialect: Path | None
    sources: tuple[SourceSettings, ...]
    sinks: tuple[SinkSettings, ...]
    database: str
    state: Path


class _AccessSchema(Schema):
    class Meta:
        unknown = RAISE

    name = fields.String(required=True, validate=_NAME)
    url = fields.String(required=True, validate=validate.Length(1, 2048))
    key = fields.String(load_default=None, validate=_PATH)
    passphrase_file = fields.String(load_default=None, validate=_PATH)
    password_file = fields.String(load_default=None, validate=_PATH)
    token_file = fields.String(load_default=None, validate=_PATH)
    known_hosts = fields.String(load_default=None, validate=_PATH)
    ca = fields.String(load_default=None, validate=_PATH)
    timeout = fields.Integer(strict=True, load_default=30, validate=validate.Range(1, 600))
    every = fields.String(load_default=None, validate=validate.Regexp(_SPAN, error='like "10m" (s, m, h, d)'))
    cron = fields.String(load_default=None, validate=validate.Length(9, 100))
    jitter = fields.Integer(strict=True, load_default=10, validate=validate.Range(0, 3600))
    misfire = fields.Integer(strict=True, load_default=3600, validate=validate.Range(1, 7 * 86400))

    @validates_schema
    def _one_schedule(self, loaded: Mapping[str, Any], **_: Any) -> None:
        if loaded.get("every") and loaded.get("cron"):
            raise ValidationError("either every or cron, not both", "cron")
        if loaded.get("cron"):
            # Loaded only where it is needed: a node's supervisor reads this file, too, and stays small.
            from apscheduler.triggers.cron import CronTrigger  # noqa: PLC0415

            try:
                CronTrigger.from_crontab(crontab(loaded["cron"]))
            except ValueError as error:
                raise ValidationError(f"not a crontab line: {error}", "cron") from error

    @validates_schema
    def _no_secret(self, loaded: Mapping[str, Any], **_: Any) -> None:
        try:
            parts = urlsplit(loaded.get("url", ""))
            secret = parts.password is not None
        except ValueError as error:
            raise ValidationError("not a URL", "url") from error
        if secret:
            raise ValidationError("a password does not stand here; use password_file", "url")


class _SourceSchema(_AccessSchema):
    files = fields.String(load_default="*", validate=validate.Length(1, 256))
    settle = fields.Integer(strict=True, load_default=10, validate=validate.Range(0, 3600))
    page = fields.String(load_default=None, validate=validate.Length(1, 64))
    first_page = fields.Integer(strict=True, load_default=1, validate=validate.Range(0, 1))
    items = fields.String(load_default=None, validate=validate.Length(1, 128))
    next = fields.String(load_default=None, validate=validate.Length(1, 128))
    withdraw_at_most = fields.Integer(strict=True, load_default=20, validate=validate.Range(0, 10**6))


class _SinkSchema(_AccessSchema):
    kinds = fields.List(fields.String(validate=validate.OneOf(KIND_NAMES)), load_default=list)


class _OfficeSchema(Schema):
    class Meta:
        unknown = RAISE

    city = fields.String(required=True, validate=_CODE)
    profile = fields.String(required=True, validate=_PATH)
    seal_key = fields.String(required=True, validate=_PATH)
    passphrase_file = fields.String(load_default=None, validate=_PATH)
    agreement = fields.String(required=True, validate=validate.Length(1, 64))
    marking = fields.String(load_default="amber", validate=validate.OneOf(MARKINGS))
    to = fields.List(fields.String(validate=_CODE), load_default=list)
    dialect = fields.String(load_default=None, validate=_PATH)
    sources = fields.List(fields.Nested(_SourceSchema), data_key="in", load_default=list)
    sinks = fields.List(fields.Nested(_SinkSchema), data_key="out", load_default=list)


class _OfficesSchema(Schema):
    class Meta:
        unknown = "exclude"

    database = fields.String(load_default="sqlite:///hub.db", validate=validate.Length(1, 2048))
    state = fields.String(load_default="state", validate=_PATH)
    adapters = fields.List(fields.Nested(_OfficeSchema), load_default=list)


def read_offices(path: Path) -> tuple[OfficeSettings, ...]:
    """The offices in a `hub.toml`; none if it has no `[[adapters]]`.

    Raises: Problem `not-found`, `malformed` (not TOML) or `invalid` with `where`.
    """
    try:
        document = tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise Problem(Code.NOT_FOUND, f"there is no configuration at {path}") from error
    except (OSError, ValueError) as error:
        raise Problem(Code.MALFORMED, f"{path} cannot be read as TOML: {error}") from error
    try:
        loaded: dict[str, Any] = _OfficesSchema().load(document)
    except ValidationError as error:
        where, message = first_mistake(error.messages_dict)
        raise Problem(Code.INVALID, f"{path.name}: {message}", where=where) from error
    base = path.resolve().parent
    _refuse_twice([office["city"] for office in loaded["adapters"]], "/adapters")
    for place, office in enumerate(loaded["adapters"]):
        named = [each["name"] for each in (*office["sources"], *office["sinks"])]
        _refuse_twice(named, f"/adapters/{place}")
    common = {"database": database_at(base, loaded["database"]), "state": base / loaded["state"]}
    return tuple(_office(base, office, common) for office in loaded["adapters"])


def scheduled(
    offices: Sequence[OfficeSettings],
) -> list[tuple[OfficeSettings, SourceSettings | SinkSettings]]:
    """Every source and sink that has a schedule."""
    found: list[tuple[OfficeSettings, SourceSettings | SinkSettings]] = []
    for office in offices:
        found += [(office, source) for source in office.sources if source.schedule is not None]
        found += [(office, sink) for sink in office.sinks if sink.schedule is not None]
    return found


def crontab(line: str) -> str:
    """A crontab line with its weekdays by name: crontab(5) counts them from Sunday, APScheduler from Monday."""
    moments = line.split()
    if len(moments) == 5:
        moments[4] = ",".join(map(_weekdays, moments[4].split(",")))
    return " ".join(moments)


def _weekdays(part: str) -> str:
    numbers = _WEEKDAY_RANGE.match(part)
    if part == "*" or numbers is None:
        return part
    first, last, step = numbers.groups()
    if first == "*":
        first, last = "0", "6"
    end = int(last or (first if step is None else 6))
    return ",".join(_WEEKDAYS[day] for day in range(int(first), end + 1, int(step or 1))) or part


def _refuse_twice(names: Sequence[str], where: str) -> None:
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise Problem(Code.INVALID, f"{', '.join(twice)} is there twice", where=where)


def _office(base: Path, loaded: Mapping[str, Any], common: Mapping[str, Any]) -> OfficeSettings:
    return OfficeSettings(
        city=loaded["city"],
        profile=base / loaded["profile"],
        seal_key=base / loaded["seal_key"],
        passphrase_file=_file(base, loaded["passphrase_file"]),
        agreement=loaded["agreement"],
        marking=loaded["marking"],
        to=tuple(loaded["to"]),
        dialect=_file(base, loaded["dialect"]),
        sources=tuple(_source(base, each) for each in loaded["sources"]),
        sinks=tuple(
            SinkSettings(_access(base, each), frozenset(each["kinds"]), _schedule(each))
            for each in loaded["sinks"]
        ),
        **common,
    )


def _source(base: Path, loaded: Mapping[str, Any]) -> SourceSettings:
    return SourceSettings(
        access=_access(base, loaded),
        files=loaded["files"],
        settle_seconds=loaded["settle"],
        page=loaded["page"],
        first_page=loaded["first_page"],
        items=loaded["items"],
        next=loaded["next"],
        withdraw_at_most=loaded["withdraw_at_most"],
        schedule=_schedule(loaded),
    )


def _access(base: Path, loaded: Mapping[str, Any]) -> Access:
    url = loaded["url"]
    if "://" not in url:
        url = (base / url).as_uri()
    return Access(
        name=loaded["name"],
        url=database_at(base, url),
        key=_file(base, loaded["key"]),
        passphrase_file=_file(base, loaded["passphrase_file"]),
        password_file=_file(base, loaded["password_file"]),
        token_file=_file(base, loaded["token_file"]),
        known_hosts=_file(base, loaded["known_hosts"]),
        ca=_file(base, loaded["ca"]),
        timeout_seconds=loaded["timeout"],
    )


def _schedule(loaded: Mapping[str, Any]) -> Schedule | None:
    every, cron = loaded["every"], loaded["cron"]
    if every is None and cron is None:
        return None
    seconds = None
    if every is not None:
        number, unit = every[:-1], every[-1]
        seconds = int(number) * _UNITS[unit]
    return Schedule(seconds, cron, loaded["jitter"], loaded["misfire"])


def _file(base: Path, name: str | None) -> Path | None:
    return None if name is None else base / name
