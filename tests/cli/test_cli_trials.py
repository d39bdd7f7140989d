"""`hub lab start --chaos`: links of a laboratory are cut, nodes killed, and afterwards all is in order again."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest
from conftest import CASE, Hub

from hub.client import Client
from hub.clock import utc_now
from hub.cursor import Passing
from hub.lab.building import Lab, build
from hub.lab.control import ask
from hub.lab.running import read_lab, save_plan
from keys.files import read_signing
from keys.trust_repository import open_trust_once

YULIN, ORDOS = "610800", "150600"
NODES = (f"{YULIN}.exchange", f"{ORDOS}.exchange")
DEADLINE_SECONDS = 60


def wait_for(condition: Callable[[], object]) -> None:
    deadline = time.monotonic() + DEADLINE_SECONDS
    while not condition():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.02)


@pytest.fixture(scope="module", name="folder")
def a_running_lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    folder = tmp_path_factory.mktemp("trials") / "lab"
    arguments = [
        "lab",
        "start",
        "--dir",
        str(folder),
        "--nodes",
        "2",
        "--cities",
        f"{YULIN},{ORDOS}",
        "--chaos",
    ]
    process = subprocess.Popen(
        [sys.executable, "-m", "hub", *arguments],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "HUB_LANG": "en"},
    )
    try:
        wait_for(lambda: (folder / "control.json").exists() or process.poll() is not None)
        assert process.poll() is None, process.communicate()[1]
        yield folder
        # Nodes that are asked to end wait for the pulls that the other one holds.
        for name in NODES:
            ask(folder, "kill", (name,))
    finally:
        process.terminate()
        process.communicate(timeout=DEADLINE_SECONDS)
    assert not (folder / "control.json").exists()


def pid_of(folder: Path, name: str) -> int:
    return next(node.pid for node in read_lab(folder).nodes if node.name == name)


def shown(hub: Hub, folder: Path, *arguments: str) -> Any:
    said = hub("lab", *arguments, "--dir", folder, "--json")
    assert said.code == 0, said.out
    return said.json


def links(state: Any) -> list[tuple[list[str], str]]:
    return [(link["nodes"], link["state"]) for link in state["links"]]


def up(state: Any) -> dict[str, bool]:
    return {node["name"]: node["up"] for node in state["nodes"]}


def client(folder: Path, lab: Lab, city: str) -> Client:
    system = next(each for each in lab.systems if each["city"] == city)
    node = next(node.name for node in lab.nodes if city in node.cities)
    return Client(open_trust_once(folder / "trust", utc_now()), node, read_signing(Path(system["key"]), None))


def pushed(folder: Path, lab: Lab) -> str:
    """A case that Yulin pushes, for Ordos; its JWS."""
    yulin = client(folder, lab, YULIN)
    try:
        agreement = lab.agreements[0]["id"]
        jws = yulin.compose(
            "mediation_case", sender=YULIN, recipients=[ORDOS], agreement=agreement, body=CASE
        )
        assert [outcome.status for outcome in yulin.push([jws])] == ["accepted"]
    finally:
        yulin.close()
    return jws


def arrived(folder: Path, lab: Lab) -> list[str]:
    ordos = client(folder, lab, ORDOS)
    try:
        return [arrival.jws for arrival in ordos.pull(Passing())]
    finally:
        ordos.close()


@pytest.mark.parametrize(("stall", "state"), [((), "cut"), (("--stall",), "stalled")])
def test_what_is_pushed_behind_a_link_that_is_cut_crosses_once_it_is_healed(
    hub: Hub, folder: Path, stall: tuple[str, ...], state: str
) -> None:
    lab = read_lab(folder)
    assert links(shown(hub, folder, "cut", YULIN, NODES[1], *stall)) == [(sorted(NODES), state)]
    jws = pushed(folder, lab)
    assert jws not in arrived(folder, lab)
    assert links(shown(hub, folder, "heal")) == [(sorted(NODES), "open")]
    wait_for(lambda: arrived(folder, lab).count(jws) == 1)


def test_a_killed_node_stays_down_until_it_is_revived_and_another_that_dies_does_not(
    hub: Hub, folder: Path
) -> None:
    killed, other = pid_of(folder, NODES[0]), pid_of(folder, NODES[1])
    group = [psutil.Process(killed), *psutil.Process(killed).children(recursive=True)]
    assert len(group) > 2
    assert up(shown(hub, folder, "kill", NODES[0])) == {NODES[0]: False, NODES[1]: True}
    wait_for(lambda: not any(psutil.pid_exists(each.pid) and each.is_running() for each in group))
    assert pid_of(folder, NODES[0]) == 0
    os.killpg(other, signal.SIGKILL)
    wait_for(lambda: pid_of(folder, NODES[1]) not in (0, other))
    assert pid_of(folder, NODES[0]) == 0
    again = hub("lab", "kill", YULIN, "--dir", folder)
    assert (again.code, "is down already" in again.err) == (1, True)
    assert up(shown(hub, folder, "revive", YULIN)) == {NODES[0]: True, NODES[1]: True}
    assert pid_of(folder, NODES[0]) not in (0, killed)
    not_down = hub("lab", "revive", YULIN, "--dir", folder)
    assert (not_down.code, "was not killed" in not_down.err) == (1, True)


def test_a_short_chaos_tells_its_deeds_and_leaves_everything_in_order(hub: Hub, folder: Path) -> None:
    lab = read_lab(folder)
    shown(hub, folder, "cut", YULIN, ORDOS)
    before = pushed(folder, lab)
    told = shown(hub, folder, "chaos", "--seconds", "3", "--seed", "11")
    assert told["seed"] == 11
    assert told["deeds"]
    assert {deed["what"] for deed in told["deeds"]} <= {"kill", "cut", "stall", "heal", "revive"}
    state = shown(hub, folder, "heal")
    assert (set(up(state).values()), links(state)) == ({True}, [(sorted(NODES), "open")])
    after = pushed(folder, lab)
    wait_for(lambda: {before, after} <= set(arrived(folder, lab)))
    came = arrived(folder, lab)
    assert len(came) == len(set(came))


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("cut", YULIN, "621000"), "no node 621000"),
        (("cut", YULIN, NODES[0]), "between two nodes"),
        (("kill", "141100"), "no node 141100"),
    ],
)
def test_what_the_lab_has_not_is_named(hub: Hub, folder: Path, arguments: tuple[str, ...], said: str) -> None:
    refused = hub("lab", *arguments, "--dir", folder)
    assert (refused.code, said in refused.err) == (1, True)


def test_how_it_is_is_shown_to_people_in_their_language(hub: Hub, folder: Path) -> None:
    english = hub("lab", "heal", "--dir", folder)
    assert (english.code, "open" in english.out, NODES[0] in english.out) == (0, True, True)
    one = hub("lab", "heal", YULIN, "--dir", folder)
    assert one.code == 2


def test_where_no_lab_runs_there_is_nothing_to_be_cut(hub: Hub, tmp_path: Path) -> None:
    refused = hub("lab", "cut", YULIN, ORDOS, "--dir", tmp_path, "--json")
    assert (refused.code, refused.json["problem"]["type"]) == (1, "/problems/not-found")


def test_a_folder_that_was_built_without_relays_is_not_started_with_chaos(hub: Hub, tmp_path: Path) -> None:
    folder = tmp_path / "lab"
    save_plan(folder, build(folder, [YULIN, ORDOS], 2, None, utc_now()))
    refused = hub("lab", "start", "--dir", folder, "--chaos", "--json")
    assert (refused.code, refused.json["problem"]["type"]) == (1, "/problems/conflict")
    assert "without --chaos" in json.dumps(refused.json)
