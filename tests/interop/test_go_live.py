"""Three nodes at work: the checkpoint that one of them serves, cosigned by the other two, judged by Go alone."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import requests
from partner import ORDOS, WUZHONG, YULIN
from waiting import until

from hub.client import Client
from hub.clock import utc_now
from hub.config import read_config
from hub.lab.building import Lab, build
from hub.lab.running import RunningLab
from hub.log.note import VerifierKey
from hub.node import Node
from keys.files import read_signing

from .conftest import GoJudge

CITIES = (YULIN, ORDOS, WUZHONG)
RECORDS = 300
"""More than a tile of them."""
COSIGNED_SECONDS = 60.0


@pytest.fixture(scope="module")
def three(program: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Path, Lab]]:
    folder = tmp_path_factory.mktemp("three") / "lab"
    lab = build(folder, CITIES, 3, None, utc_now())
    with RunningLab(folder, lab):
        yield folder, lab


def cosigned(lab: Lab, wanted: int) -> str:
    """The first node's checkpoint, once it is of so many entries at least, and both others have cosigned it."""
    shown: list[str] = []

    def both() -> bool:
        note = requests.get(f"{lab.nodes[0].url}/log/checkpoint", timeout=10).text
        shown.append(note)
        size = int(note.splitlines()[1])
        return size >= wanted and all(f"— {node.name} " in note for node in lab.nodes)

    until(both, COSIGNED_SECONDS)
    return shown[-1]


def test_go_verifies_a_served_checkpoint_with_both_cosignatures_and_the_log_under_it(
    three: tuple[Path, Lab], go_judge: GoJudge
) -> None:
    folder, lab = three
    node = Node(read_config(folder / "nodes" / lab.nodes[0].name / "hub.toml"))
    key = next(each["key"] for each in lab.systems if each["city"] == YULIN)
    client = Client(node.trust(), lab.nodes[0].name, read_signing(key, None))
    try:
        body = {"what": "join", "organisation": "参加调解", "at": "2026-11-05T10:00:00+08:00"}
        records = [
            client.compose(
                "case_contribution",
                sender=YULIN,
                recipients=[ORDOS, WUZHONG],
                agreement=lab.agreements[0]["id"],
                subject="018f2c3e-7b6a-7c1d-9e2f-ba9876543210",
                body=body,
            )
            for _ in range(RECORDS)
        ]
        assert {outcome.status for outcome in client.push(records)} == {"accepted"}
        note = cosigned(lab, RECORDS)
        lines = node.store.lines(0, int(note.splitlines()[1]))
        listed = node.trust().nodes
        log = VerifierKey.parse(listed[lab.nodes[0].name].log)
        witnesses = [VerifierKey.parse(listed[each.name].witness) for each in lab.nodes[1:]]
    finally:
        client.close()
        node.close()
    judged = go_judge(note, log, lines, *witnesses)
    assert (judged.returncode, judged.stderr) == (0, "")
    said = judged.stdout.splitlines()
    assert said[0].startswith(f"ok {lab.nodes[0].name} {len(lines)} ")
    assert [line.split(" ")[:2] for line in said[1:]] == [["cosigned", each.name] for each in witnesses]
    now = utc_now().timestamp()
    assert all(0 <= now - int(line.split(" ")[2]) < 300 for line in said[1:])
    assert go_judge(note, log, lines[:-1], *witnesses).returncode == 1
