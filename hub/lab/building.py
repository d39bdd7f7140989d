"""A lab's folder: everything that a ceremony would make between cities, here in one hand.

DIR/trust/               the TUF repository
DIR/ceremony/            the keys that signed it
DIR/keys/                a key for each city's system and sealing, and for each auditor, all unencrypted
DIR/nodes/<name>/        hub.toml, encrypted keys with their passphrase file, database
DIR/clients/<name>.toml  a client's profile for each system and auditor
DIR/offices/<city>/      `export`, where a city's systems lay their exports, and `import`, where arrivals are written
DIR/lab.json             what outside clients need to know (written once the nodes are up)
"""

from __future__ import annotations

import secrets
import socket
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Final

from hub.errors import Code, Problem
from hub.log.note import COSIGNATURE, ED25519, VerifierKey
from hub.sheet import LOCAL_TIME
from hub.store.engine import parse_url
from keys import ceremony
from keys.files import write_private
from keys.suite import PrivateKey, generate_signing, generate_unseal
from schemas.divisions import CITIES
from schemas.kinds import KINDS

SYSTEM: Final = "office"
AUDITOR: Final = "lab.audit"
CEREMONY_KEYS: Final = 3
CEREMONY_THRESHOLD: Final = 2
DESCRIPTION: Final = "lab.json"
SYNC_SECONDS: Final = 1
FIRST_SOURCE: Final = 11
"""Of 127.0.0.0/8: the first relayed node asks from 127.0.0.11."""
EXPORT: Final = "export"
IMPORT: Final = "import"


@dataclass(frozen=True, slots=True)
class LabNode:
    """A node as `lab.json` describes it; `pid` is 0 while it is not running."""

    name: str
    url: str
    cities: list[str]
    pid: int
    log: str
    witness: str
    kid: str
    public_key: str


@dataclass(frozen=True, slots=True)
class Lab:
    """What `lab.json` holds."""

    nodes: list[LabNode]
    systems: list[dict[str, Any]]
    seals: list[dict[str, Any]]
    auditors: list[dict[str, Any]]
    agreements: list[dict[str, Any]]
    trust: str

    def to_dict(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_dict(cls, held: dict[str, Any]) -> Lab:
        return cls(**{**held, "nodes": [LabNode(**node) for node in held["nodes"]]})


def office_folder(folder: Path, city: str) -> Path:
    """The folder of a city's office in a lab's."""
    return folder / "offices" / city


@dataclass(frozen=True, slots=True)
class Place:
    """Where a node is to be found, where it listens itself, and the address from which it asks its peers."""

    url: str
    listen: str
    source: str | None = None


Places = Callable[[int], Place]
"""The place of each of a lab's nodes, which are counted from 0."""


def plain(_number: int) -> Place:
    """A free loopback port."""
    address = f"127.0.0.1:{free_port()}"
    return Place(f"http://{address}", address)


def relayed(number: int) -> Place:
    """A node behind a relay, which tells by its own loopback address who calls (`relay.py`)."""
    return replace(
        plain(number), listen=f"127.0.0.1:{free_port()}", source=f"127.0.0.{FIRST_SOURCE + number}"
    )


def build(  # noqa: PLR0917 (in the order of where, who, how)
    folder: Path,
    cities: Sequence[str],
    nodes: int,
    database: str | None,
    now: datetime,
    places: Places = plain,
) -> Lab:
    """Make a lab in `folder`, which must be empty or absent; nothing is started.

    Raises: Problem `invalid` for cities or numbers that make no lab, `conflict` for a folder that holds
    something.
    """
    _check(cities, nodes)
    if folder.exists() and any(folder.iterdir()):
        raise Problem(Code.CONFLICT, f"{folder} is not empty")
    if database is not None:
        parse_url(database)
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    folder = folder.resolve()
    return _Builder(folder, cities, database, now, places).build(nodes)


def _check(cities: Sequence[str], nodes: int) -> None:
    if len(set(cities)) != len(cities) or len(cities) < 2:
        raise Problem(Code.INVALID, "a lab has two or more cities, each once", where="/cities")
    for city in cities:
        if city not in CITIES:
            known = ", ".join(CITIES)
            raise Problem(Code.INVALID, f"{city} is not one of the partner cities: {known}", where="/cities")
    if not 1 <= nodes <= len(cities):
        raise Problem(Code.INVALID, "each node hosts one city or more", where="/nodes")


class _Builder:
    def __init__(
        self, folder: Path, cities: Sequence[str], database: str | None, now: datetime, places: Places
    ) -> None:
        self._folder = folder
        self._places = places
        self._cities = list(cities)
        self._database = database
        self._now = now
        self._not_before = now - timedelta(days=366)
        self._not_after = now + timedelta(days=3 * 366)

    def build(self, nodes: int) -> Lab:
        cities = self._cities
        hosts = [cities[place::nodes] for place in range(nodes)]
        names = {city: f"{hosted[0]}.exchange" for hosted in hosts for city in hosted}
        systems, seals, listed_cities = [], [], []
        for city in cities:
            system, sealing = generate_signing(), generate_unseal()
            paths = [self._keep(f"{city}-{SYSTEM}", system), self._keep(f"{city}-seal", sealing)]
            kinds = sorted({name for name, _ in KINDS})
            systems.append(
                {"city": city, "system": SYSTEM, "kid": system.kid, "key": paths[0], "kinds": kinds}
            )
            seals.append({"city": city, "kid": sealing.kid, "key": paths[1]})
            listed_cities.append(
                {
                    "code": city,
                    "name": CITIES[city].zh,
                    "province": CITIES[city].province_zh,
                    "node": names[city],
                    "keys": [
                        self._listed(system, "sign", system=f"{city}/{SYSTEM}", kinds=kinds),
                        self._listed(sealing, "seal"),
                    ],
                }
            )
            self._profile(f"{city}-{SYSTEM}", names[city], paths[0], city)
        auditor = generate_signing()
        auditors = [{"name": AUDITOR, "kid": auditor.kid, "key": self._keep("audit", auditor)}]
        made = [
            self._node(f"{hosted[0]}.exchange", hosted, self._places(number))
            for number, hosted in enumerate(hosts)
        ]
        for node, _ in made:
            self._profile(f"audit-{node.name}", node.name, auditors[0]["key"], None)
        agreements = self._agreements(cities)
        trust_list = {
            "version": 1,
            "cities": listed_cities,
            "nodes": [listed for _, listed in made],
            "auditors": [{"name": AUDITOR, "keys": [self._listed(auditor, "audit")], "scope": list(cities)}],
            "quorum": min(nodes - 1, 2),
        }
        self._publish(trust_list, {"version": 1, "agreements": agreements})
        return Lab(
            nodes=[node for node, _ in made],
            systems=systems,
            seals=seals,
            auditors=auditors,
            agreements=[{name: each[name] for name in ("id", "parties", "kinds")} for each in agreements],
            trust=str(self._folder / "trust"),
        )

    def _node(self, name: str, cities: list[str], place: Place) -> tuple[LabNode, dict[str, Any]]:
        home = self._folder / "nodes" / name
        (home / "keys").mkdir(parents=True, mode=0o700)
        passphrase = secrets.token_urlsafe(24)
        secret = home / "keys" / "passphrase"
        secret.touch(mode=0o600)
        secret.write_text(passphrase + "\n")
        made = {use: generate_signing() for use in ("node", "log", "witness")}
        for use, key in made.items():
            write_private(home / "keys" / f"{use}.pem", key, passphrase.encode())
        for city in cities:
            for folder in (EXPORT, IMPORT):
                (office_folder(self._folder, city) / folder).mkdir(parents=True, mode=0o700)
        source = "" if place.source is None else f'source = "{place.source}"\n'
        log = VerifierKey(name, ED25519, made["log"].public)
        witness = VerifierKey(name, COSIGNATURE, made["witness"].public)
        (home / "hub.toml").write_text(
            f'name = "{name}"\nurl = "{place.url}"\nlisten = "{place.listen}"\n'
            f'database = "{self._database_of(name, log)}"\ntrust = "../../trust"\nstate = "state"\n\n'
            '[keys]\nnode = "keys/node.pem"\nlog = "keys/log.pem"\nwitness = "keys/witness.pem"\n'
            f'passphrase_file = "keys/passphrase"\n\n[sync]\nseconds = {SYNC_SECONDS}\n{source}'
            + "".join(map(self._office, cities))
        )
        node = LabNode(
            name, place.url, cities, 0, str(log), str(witness), made["node"].kid, made["node"].public.pem()
        )
        listed = {
            "name": name,
            "url": place.url,
            "keys": [self._listed(made["node"], "node")],
            "log": str(log),
            "witness": str(witness),
        }
        return node, listed

    def _office(self, city: str) -> str:
        """A city's adapter: what it reads, what it writes; rows that name nobody go to the first other city."""
        other = next(code for code in self._cities if code != city)
        return (
            f'\n[[adapters]]\ncity = "{city}"\nprofile = "../../clients/{city}-{SYSTEM}.toml"\n'
            f'seal_key = "../../keys/{city}-seal.pem"\nagreement = "{self._common_agreement}"\nto = ["{other}"]\n'
            f'\n  [[adapters.in]]\n  name = "{EXPORT}"\n  url = "../../offices/{city}/{EXPORT}"\n  settle = 0\n'
            '  # every = "1m"\n'
            f'\n  [[adapters.out]]\n  name = "{IMPORT}"\n  url = "../../offices/{city}/{IMPORT}"\n'
            '  # every = "1m"\n'
        )

    def _database_of(self, name: str, log: VerifierKey) -> str:
        """SQLite beside the node; on PostgreSQL a schema of its own, so that labs can share a database."""
        if self._database is None:
            return "sqlite:///hub.db"
        url = parse_url(self._database)
        if url.get_backend_name() == "sqlite":
            path = Path(url.database or "hub.db")
            return f"sqlite:///{path.with_stem(f'{path.stem}-{name}')}"
        schema = f"lab_{log.id.hex()}"
        url = url.update_query_dict({"options": f"-csearch_path={schema}"})
        return url.render_as_string(hide_password=False)

    def _listed(self, key: PrivateKey, use: str, **members: Any) -> dict[str, Any]:
        return {
            "kid": key.kid,
            "use": use,
            "jwk": key.public.jwk,
            "system": members.get("system"),
            "kinds": members.get("kinds"),
            "not_before": self._not_before.isoformat(timespec="seconds"),
            "not_after": self._not_after.isoformat(timespec="seconds"),
            "revoked_at": None,
        }

    @property
    def _common_agreement(self) -> str:
        """The agreement to which all cities are parties."""
        return f"all-{self._now.astimezone(LOCAL_TIME).year}"

    def _agreements(self, cities: list[str]) -> list[dict[str, Any]]:
        local = self._now.astimezone(LOCAL_TIME)
        year = local.year
        since = datetime(year, 1, 1, tzinfo=LOCAL_TIME)
        common = {
            "purpose": "联调测试",
            "legal_basis": "实验环境，无法律效力",
            "highest_marking": "amber",
            "retention_days": 365,
            "valid_from": since.isoformat(timespec="seconds"),
            "valid_until": (local + timedelta(days=366)).isoformat(timespec="seconds"),
        }
        kinds = sorted({name for name, _ in KINDS})
        return [
            {
                "id": self._common_agreement,
                "title": "全体城市协作协议（实验）",
                "parties": cities,
                "kinds": kinds,
                **common,
            },
            {
                "id": f"pair-{year}",
                "title": "两市预警协议（实验）",
                "parties": cities[:2],
                "kinds": ["alert"],
                **common,
            },
        ]

    def _publish(self, trust_list: dict[str, Any], agreements: dict[str, Any]) -> None:
        kept = self._folder / "ceremony"
        kept.mkdir(mode=0o700)
        signers = [generate_signing() for _ in range(CEREMONY_KEYS)]
        operators = {"snapshot": generate_signing(), "timestamp": generate_signing()}
        for place, key in enumerate(signers, start=1):
            write_private(kept / f"city-{place}.pem", key, None)
        for role, key in operators.items():
            write_private(kept / f"{role}.pem", key, None)
        year = timedelta(days=366)
        ceremony.create(
            self._folder / "trust",
            trust_list,
            agreements,
            root_keys=signers,
            threshold=CEREMONY_THRESHOLD,
            targets_keys=signers,
            targets_threshold=CEREMONY_THRESHOLD,
            snapshot_key=operators["snapshot"],
            timestamp_key=operators["timestamp"],
            now=self._now,
            expiries=ceremony.Expiries(root=year, targets=year, snapshot=year, timestamp=year),
        )

    def _profile(self, name: str, node: str, key: str, city: str | None) -> None:
        folder = self._folder / "clients"
        folder.mkdir(exist_ok=True, mode=0o700)
        whose = "" if city is None else f'city = "{city}"\n'
        (folder / f"{name}.toml").write_text(
            f'node = "{node}"\ntrust = "../trust"\nkey = "../keys/{Path(key).name}"\n{whose}'
        )

    def _keep(self, name: str, key: PrivateKey) -> str:
        folder = self._folder / "keys"
        folder.mkdir(exist_ok=True, mode=0o700)
        path = folder / f"{name}.pem"
        write_private(path, key, None)
        return str(path)


def free_port() -> int:
    """A loopback port that nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
