"""`hub peers` and `hub peers pass` as an operator uses them: at which record a peer stands, and going on without it."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import wire
from conftest import Hub, Said
from listening import listening
from partner import ORDOS, YULIN, World, members_of

sys.path.append(str(Path(__file__).parents[1] / "federation"))

from neighbours import plant


@dataclass(frozen=True)
class Operator:
    """The second node's operator, whose peer is the first node."""

    hub: Hub
    world: World

    @property
    def peer(self) -> str:
        return self.world.node.config.name

    def __call__(self, *arguments: object, lang: str = "en") -> Said:
        config = self.world.folder / "nodes" / self.world.lab.nodes[1].name / "hub.toml"
        return self.hub(*arguments, "--config", config, lang=lang)


@pytest.fixture
def operator(hub: Hub, world: World) -> Iterator[Operator]:
    config = world.node.config
    with listening(world.application, config.host, config.port):
        yield Operator(hub, world)


def send(world: World) -> None:
    yulin = world.partner(YULIN)
    yulin.deliver(yulin.record(to=(ORDOS,)))


@pytest.fixture
def refused(operator: Operator) -> tuple[int, str]:
    """Index and JWS of a record at which the peer stands."""
    send(operator.world)
    record = operator.world.partner(YULIN).record(agreement="none")
    index = plant(operator.world, record)
    send(operator.world)
    assert operator("sync").code == 1
    return index, record


def test_peers_says_at_which_record_a_peer_stands_and_why(
    operator: Operator, refused: tuple[int, str]
) -> None:
    (peer,) = operator("peers", "--json").json["peers"]
    assert (peer["state"], peer["stands_at"], peer["failures"]) == ("failing", refused[0], 1)
    assert peer["problem"].startswith("no-agreement")
    said = operator("peers").out
    assert "Stands at record" in said
    assert "no-agreement" in said


def test_a_record_is_passed_over_by_name_and_the_rest_is_taken(
    operator: Operator, refused: tuple[int, str]
) -> None:
    index, record = refused
    said = operator("peers", "pass", operator.peer, index)
    assert said.code == 0
    assert f"Passed over: record {index} of {operator.peer}." in said.out
    for shown in (members_of(record)["id"], wire.digest(record), "no-agreement", "Alert", YULIN):
        assert shown in said.out
    assert f"hub sync {operator.peer}" in said.out
    (told,) = operator("sync", "--json").json["rounds"]
    assert (told["new"], told["problem"]) == (1, None)
    (peer,) = operator("peers", "--json").json["peers"]
    assert (peer["state"], peer["stands_at"]) == ("in-order", None)


def test_for_a_program_it_is_one_document(operator: Operator, refused: tuple[int, str]) -> None:
    told = operator("peers", "pass", operator.peer, refused[0], "--json").json
    assert (told["passed"], told["missing"], told["index"]) == (True, [], refused[0])
    assert told["problem"]["type"] == "/problems/no-agreement"
    assert told["digest"] == wire.digest(refused[1])


@pytest.mark.parametrize("lang", ["en", "zh"])
def test_what_would_be_taken_is_not_passed_over(operator: Operator, lang: str) -> None:
    send(operator.world)
    said = operator("peers", "pass", operator.peer, 2, lang=lang)
    assert said.code == 1
    assert "would be taken" in said.err
    assert ("Nothing was passed over" if lang == "en" else "未跳过任何记录") in said.err
    assert "hub peers" in said.err


def test_an_index_that_is_none_is_a_mistake_of_the_command_line(operator: Operator) -> None:
    assert operator("peers", "pass", operator.peer, "x").code == 2
    assert operator("peers", "pass", "nobody.exchange", 3).code == 1


def test_help_names_it_among_the_commands_on_peers(hub: Hub) -> None:
    assert "Pass over a record of a peer" in hub("peers", "--help").out
    assert "--kept-back" in hub("peers", "pass", "--help").out
