"""Two nodes as processes of their own, over loopback HTTP: what `hub sync` and the clock do, done by hand."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from neighbours import CITIES
from partner import ORDOS, YULIN

from hub.client import Client
from hub.clock import utc_now
from hub.config import read_config
from hub.cursor import Passing
from hub.federation.neighbourhood import Neighbourhood
from hub.lab.building import build
from hub.lab.running import RunningLab
from hub.node import Node
from keys.files import read_signing

PATIENCE = 30.0
"""The nodes' own clocks ask each other, too."""


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningLab]:
    folder = tmp_path_factory.mktemp("two") / "lab"
    with RunningLab(folder, build(folder, CITIES[:2], 2, None, utc_now())) as lab:
        yield lab


def test_a_record_and_its_acknowledgement_cross_between_two_processes(running: RunningLab) -> None:
    lab = running.lab
    homes = [running._folder / "nodes" / each.name for each in lab.nodes]
    nodes = [Node(read_config(home / "hub.toml")) for home in homes]
    neighbourhoods = [Neighbourhood(node, "by hand") for node in nodes]
    keys = {each["city"]: read_signing(each["key"], None) for each in lab.systems}
    yulin = Client(nodes[0].trust(), lab.nodes[0].name, keys[YULIN])
    ordos = Client(nodes[1].trust(), lab.nodes[1].name, keys[ORDOS])
    try:
        body = {"identifier": "a1", "status": "exercise", "message_type": "alert", "category": ["security"]}
        body |= {"event": "演练", "urgency": "immediate", "severity": "severe", "certainty": "likely"}
        body |= {"expires": "2036-11-22T08:30:00+08:00", "headline": "演练"}
        body |= {"areas": [{"description": "府谷县", "geocodes": ["610822"]}]}
        agreement = lab.agreements[0]["id"]
        records = [
            yulin.compose("alert", sender=YULIN, recipients=[ORDOS], agreement=agreement, body=body)
            for _ in range(20)
        ]
        assert [outcome.status for outcome in yulin.push(records)] == ["accepted"] * 20
        neighbourhoods[1].round(lab.nodes[0].name, patience=PATIENCE)
        arrivals = list(ordos.pull(Passing()))
        assert [arrival.jws for arrival in arrivals] == records
        assert ordos.acknowledge(arrivals[7], outcome="accepted", city=ORDOS).status == "accepted"
        neighbourhoods[0].round(lab.nodes[1].name, patience=PATIENCE)
        (shown,) = yulin.delivery(arrivals[7].record.id)["recipients"]
        assert (shown["status"], shown["outcome"]) == ("acknowledged", "accepted")
        for place in (0, 1, 0, 1):
            neighbourhoods[place].round(lab.nodes[1 - place].name, patience=PATIENCE)
        assert [neighbourhood.states()[0].failures for neighbourhood in neighbourhoods] == [0, 0]
        assert len(list(ordos.pull(Passing()))) == 20
    finally:
        for opened in (yulin, ordos, *neighbourhoods, *nodes):
            opened.close()
