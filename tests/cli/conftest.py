"""The command line as a person uses it, and what it needs to read: a lab's trust list and keys, no node running."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from hub import translation
from hub.cli import cli
from hub.client import Client
from hub.clock import rfc3339, utc_now
from hub.lab.building import Lab, build
from hub.log import entry
from hub.log.checkpoint import Checkpoint, sign_checkpoint
from hub.log.receipt import Receipt
from hub.log.tile import ENTRIES, Tile, compact_range, encode_bundle, inclusion_proof, new_tiles
from hub.log.tree import HASH_BYTES, leaf_hash
from keys import record_signature
from keys.files import read_passphrase, read_signing
from keys.suite import SigningKey
from keys.trust_list import Trust
from keys.trust_repository import open_trust_once

SENDER, RECIPIENT, THIRD = "610800", "150600", "141100"
PRIVATE = {
    "title": "麻镇村民与邻旗牧户草场界线纠纷",
    "parties": [{"role": "applicant", "type": "natural_person", "name": "张某", "phone": "13900000000"}],
}
CASE = {
    "case_number": "2026-12",
    "dispute_type": "grassland",
    "source": "party_application",
    "level": "township",
    "division": "610822",
    "accepted_at": "2026-11-02T09:00:00+08:00",
    "state": "mediating",
    "lead": "府谷县麻镇人民调解委员会",
}


@dataclass(frozen=True)
class Said:
    """What a command said, and how it ended."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)


Hub = Callable[..., Said]


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch) -> Hub:
    """Runs `hub` with arguments, in English unless told otherwise."""
    monkeypatch.setenv("LANGUAGE", "")
    for name in ("HUB_PASSPHRASE", "HUB_PROFILE", "LC_ALL", "LC_MESSAGES", "LANG"):
        monkeypatch.delenv(name, raising=False)

    def run(*arguments: object, lang: str = "en", stdin: bytes | None = None, **environment: str) -> Said:
        runner = CliRunner(env={"HUB_LANG": lang, **environment})
        translation.use(translation.choose(lang, {}))
        result = runner.invoke(cli, [str(each) for each in arguments], input=stdin, prog_name="hub")
        if result.exception is not None and not isinstance(result.exception, SystemExit):
            raise result.exception
        return Said(result.exit_code, result.stdout, result.stderr)

    return run


@dataclass(frozen=True)
class Paper:
    """A lab that was built and never started, and a log that its node might have written."""

    folder: Path
    lab: Lab
    trust: Trust
    log_key: SigningKey

    @property
    def repository(self) -> Path:
        return self.folder / "trust"

    @property
    def origin(self) -> str:
        return self.lab.nodes[0].name

    def key(self, name: str) -> Path:
        return self.folder / "keys" / f"{name}.pem"

    def record(self, **changed: Any) -> str:
        """A signed case from the first city to the second."""
        members: dict[str, Any] = {
            "recipients": [RECIPIENT],
            "agreement": self.lab.agreements[0]["id"],
            "body": CASE,
            "private": PRIVATE,
        }
        client = Client(self.trust, self.origin, read_signing(self.key(f"{SENDER}-office"), None))
        return client.compose("mediation_case", sender=SENDER, **{**members, **changed})

    def entry(self, jws: str, number: int) -> bytes:
        """The entry of a record as number `number` of its recipient's stream."""
        signed = record_signature.parse(jws)
        verified = record_signature.verify(signed, self.trust.key(signed.kid).verify_key)  # type: ignore[union-attr]
        payload = json.loads(verified.payload)
        return entry.accepted(
            at=rfc3339(utc_now() + timedelta(seconds=1)),
            id=payload["id"],
            revision=1,
            digest=signed.digest,
            kind="mediation_case",
            sender=SENDER,
            marking="amber",
            to={RECIPIENT: number},
        )

    def write_log(self, folder: Path, lines: list[bytes]) -> dict[tuple[int, int, int], bytes]:
        """Write a log in the tlog-tiles layout; its tiles."""
        tiles, tails = new_tiles(0, [leaf_hash(line) for line in lines], {})
        held = {(level, number, len(content) // HASH_BYTES): content for level, number, content in tiles}
        for wanted, content in held.items():
            _put(folder / Tile(*wanted).path, content)
        for first in range(0, len(lines), 256):
            run = lines[first : first + 256]
            _put(folder / Tile(ENTRIES, first // 256, len(run)).path, encode_bundle(run))
        checkpoint = Checkpoint(self.origin, len(lines), compact_range(len(lines), tails).root())
        _put(folder / "checkpoint", sign_checkpoint(checkpoint, self.log_key).encode())
        return held

    def receipt(self, folder: Path, lines: list[bytes], index: int) -> str:
        """The receipt of an entry in a log that is written into `folder`."""
        held = self.write_log(folder, lines)
        proof = inclusion_proof(index, len(lines), lambda *wanted: held[wanted])
        return Receipt(lines[index], index, tuple(proof), (folder / "checkpoint").read_text()).encode()


@pytest.fixture(scope="session")
def paper(tmp_path_factory: pytest.TempPathFactory) -> Paper:
    folder = tmp_path_factory.mktemp("paper") / "lab"
    lab = build(folder, [SENDER, RECIPIENT, THIRD], 1, None, utc_now())
    home = folder / "nodes" / lab.nodes[0].name / "keys"
    log_key = read_signing(home / "log.pem", read_passphrase(home / "passphrase", {}))
    return Paper(folder, lab, open_trust_once(folder / "trust", utc_now()), log_key)


def _put(path: Path, content: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
