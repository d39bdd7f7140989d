"""The auditor's command on cosignatures: how many of those that the cities agreed on, by whom, and what if too few."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pytest
from conftest import RECIPIENT, SENDER, THIRD, Hub, Paper

from hub.clock import utc_now
from hub.lab.building import build
from hub.log.checkpoint import Checkpoint, cosign
from hub.log.note import split_note
from keys.files import read_passphrase, read_signing
from keys.trust_repository import open_trust_once

TIME = 1_795_000_000


@dataclass(frozen=True)
class Region:
    """A lab of three nodes, whose trust list asks for two cosignatures, and a record in the first one's log."""

    paper: Paper
    log: Path
    record: Path
    receipt: Path

    @property
    def names(self) -> list[str]:
        return [each.name for each in self.paper.lab.nodes]

    def cosign(self, *numbers: int) -> None:
        """Have the witnesses of these nodes cosign the log's checkpoint, in the receipt and in the log."""
        note = (self.log / "checkpoint").read_text()
        checkpoint = Checkpoint.parse(split_note(note)[0])
        for number in numbers:
            home = self.paper.folder / "nodes" / self.names[number] / "keys"
            key = read_signing(home / "witness.pem", read_passphrase(home / "passphrase", {}))
            for path in (self.receipt, self.log / "checkpoint"):
                path.write_text(path.read_text() + cosign(checkpoint, self.names[number], key, TIME))

    @property
    def arguments(self) -> dict[str, list[object]]:
        trust = ["--trust", self.paper.repository]
        return {
            "record": ["verify", self.record, self.receipt, *trust],
            "log": ["verify", "--log", self.log, *trust],
        }


@pytest.fixture(scope="module")
def three_nodes(tmp_path_factory: pytest.TempPathFactory) -> Paper:
    folder = tmp_path_factory.mktemp("witnessed") / "lab"
    lab = build(folder, [SENDER, RECIPIENT, THIRD], 3, None, utc_now())
    home = folder / "nodes" / lab.nodes[0].name / "keys"
    log_key = read_signing(home / "log.pem", read_passphrase(home / "passphrase", {}))
    return Paper(folder, lab, open_trust_once(folder / "trust", utc_now()), log_key)


@pytest.fixture
def region(three_nodes: Paper, tmp_path: Path) -> Region:
    jws = three_nodes.record()
    receipt = three_nodes.receipt(tmp_path / "log", [three_nodes.entry(jws, 1)], 0)
    (tmp_path / "r.jws").write_text(jws)
    (tmp_path / "r.tlog-proof").write_text(receipt)
    return Region(three_nodes, tmp_path / "log", tmp_path / "r.jws", tmp_path / "r.tlog-proof")


@pytest.mark.parametrize("what", ["record", "log"])
def test_it_says_who_cosigned_and_how_many_were_agreed_on(hub: Hub, region: Region, what: str) -> None:
    region.cosign(1, 2)
    said = hub(*region.arguments[what])
    assert said.code == 0
    assert "✓ 2 cosignatures; the cities agreed on 2." in said.out
    assert "Verified." in said.out
    assert all(name in said.out for name in region.names[1:])
    told = hub(*region.arguments[what], "--json").json["cosignatures"]
    assert (told["found"], told["agreed"]) == (2, 2)
    assert [each["name"] for each in told["witnesses"]] == region.names[1:]


@pytest.mark.parametrize("what", ["record", "log"])
def test_too_few_are_a_warning_that_says_how_many(hub: Hub, region: Region, what: str) -> None:
    region.cosign(2)
    said = hub(*region.arguments[what])
    assert said.code == 0
    assert "! 1 cosignatures; the cities agreed on 2." in said.out
    assert "fewer witnesses than that" in said.out
    assert "--quorum 2 insists on it" in said.out
    assert "not yet witnessed" not in said.out
    assert "见证签名 1 个；各城市约定为 2 个。" in hub(*region.arguments[what], lang="zh").out


@pytest.mark.parametrize("what", ["record", "log"])
@pytest.mark.parametrize("lang", ["en", "zh"])
def test_too_few_are_a_refusal_where_a_number_is_insisted_on(
    hub: Hub, region: Region, what: str, lang: str
) -> None:
    region.cosign(1)
    assert hub(*region.arguments[what], "--quorum", 1, lang=lang).code == 0
    said = hub(*region.arguments[what], "--quorum", 2, lang=lang)
    assert said.code == 1
    assert "1 of 2 cosignatures" in said.err
    assert "✗" in said.out


@pytest.mark.parametrize("what", ["record", "log"])
def test_a_nodes_own_witness_and_one_that_comes_twice_do_not_count(
    hub: Hub, region: Region, what: str
) -> None:
    region.cosign(0, 1, 1)
    told = hub(*region.arguments[what], "--json").json["cosignatures"]
    assert [each["name"] for each in told["witnesses"]] == [region.names[1]]
