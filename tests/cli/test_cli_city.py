"""`hub city` and `hub pull` as operators and a city's own people use them: a city moves, its system goes after it."""

from __future__ import annotations

import logging
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import pytest
from conftest import Hub, Said
from listening import listening
from partner import ORDOS, WUZHONG, XINZHOU, YULIN

sys.path.append(str(Path(__file__).parents[1] / "federation"))
sys.path.append(str(Path(__file__).parents[1] / "moves"))

from movers import have_moved, sync
from neighbours import Federation, Member, build_lab, federation

from hub.diagnostics import configure_logging
from hub.lab.building import Lab


@dataclass
class Region:
    """Three nodes behind sockets, their operators, and the people of Wuzhong."""

    hub: Hub
    nodes: Federation
    folder: Path

    def at(self, member: Member, *arguments: object, lang: str = "en") -> Said:
        """An operator's command."""
        config = self.nodes.folder / "nodes" / member.name / "hub.toml"
        return self.hub(*arguments, "--config", config, lang=lang)

    @property
    def profile(self) -> Path:
        return self.nodes.folder / "clients" / f"{WUZHONG}-office.toml"

    def turn_to(self, member: Member) -> None:
        """Write another node into the profile."""
        lines = self.profile.read_text().splitlines()
        lines = [f'node = "{member.name}"' if line.startswith("node =") else line for line in lines]
        self.profile.write_text("\n".join(lines) + "\n")

    def pull(self, *arguments: object, lang: str = "en") -> Said:
        return self.hub("pull", "--as", self.profile, "--out", self.folder / "inbox", *arguments, lang=lang)


@pytest.fixture(scope="module")
def three_nodes(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Lab]:
    folder = tmp_path_factory.mktemp("city") / "lab"
    return folder, build_lab(folder)


@pytest.fixture
def region(hub: Hub, three_nodes: tuple[Path, Lab], tmp_path: Path) -> Iterator[Region]:
    template, lab = three_nodes
    configure_logging(
        logging.CRITICAL
    )  # the nodes are in this process, and what they say is not the commands'
    with federation(template, lab, tmp_path / "lab") as nodes, ExitStack() as stack:
        for member in nodes:
            config = member.world.node.config
            stack.enter_context(listening(member.world.application, config.host, config.port))
        folder = nodes.folder
        for name in [path.name for path in (folder / "clients").iterdir() if path.suffix == ".toml"]:
            text = (folder / "clients" / name).read_text().replace(str(template), str(folder))
            (folder / "clients" / name).write_text(text)
        for each in lab.nodes:
            path = folder / "nodes" / each.name / "hub.toml"
            path.write_text(path.read_text().replace(str(template), str(folder)))
        yield Region(hub, nodes, tmp_path)


def write(region: Region, count: int = 1) -> list[str]:
    """Records for Wuzhong, from a city of each node."""
    sent = []
    for member, city in zip(region.nodes, (YULIN, ORDOS, XINZHOU), strict=True):
        partner = member.world.partner(city)
        sent += [partner.record(to=(WUZHONG,)) for _ in range(count)]
        partner.deliver(*sent[-count:])
    return sent


def test_a_city_moves_by_hand_and_its_people_go_after_it(region: Region) -> None:
    first, _, third = region.nodes
    write(region)
    sync(region.nodes)
    assert len(region.pull("--json").json["records"]) == 3
    write(region)
    sync(region.nodes)
    have_moved(region.nodes, WUZHONG, third)
    states = {
        each["city"]: each["state"] for each in region.at(first, "city", "show", "--json").json["cities"]
    }
    assert states == {YULIN: "hosted", WUZHONG: "leaving"}
    (awaited,) = [
        each for each in region.at(third, "city", "show", "--json").json["cities"] if each["city"] == WUZHONG
    ]
    assert (awaited["state"], awaited["other"]) == ("awaited", first.name)
    said = region.pull()
    assert said.code == 0
    assert "is moving to" in said.err
    assert "Fetch again later" in said.err

    discs = region.folder / "discs"
    moved = region.at(first, "city", "move", WUZHONG, "--out", discs, "--json")
    assert moved.code == 0, moved.err
    assert (moved.json["node"], moved.json["records"]) == (third.name, 6)
    received = region.at(third, "city", "receive", discs)
    assert received.code == 0, received.err
    assert f"has come from {first.name}: 4 records are new, 2 were here already" in received.out
    assert "nothing changed" in region.at(third, "city", "receive", discs).out
    write(region)
    sync(region.nodes)
    # Its people fetch the rest at the old node, and are told where it goes on.
    said = region.pull("--ack", "received")
    assert said.code == 0, said.err
    assert "has moved to" in said.err
    assert f'node = "{third.name}"' in said.err
    region.turn_to(third)
    pulled = region.pull("--json", "--ack", "received")
    assert pulled.code == 0, pulled.err
    assert len(pulled.json["records"]) == 3
    assert [each["skipped"] for each in pulled.json["records"]] == [0, 0, 0]
    assert "moved" not in pulled.err
    assert region.pull("--json").json["records"] == []
    assert len(list((region.folder / "inbox").glob("*.jws"))) == 9
    (gone,) = [
        each for each in region.at(first, "city", "show", "--json").json["cities"] if each["city"] == WUZHONG
    ]
    assert (gone["state"], gone["other"], gone["last"]) == ("departed", third.name, 6)


def test_acknowledgements_of_what_the_old_node_had_go_to_the_new_one(region: Region) -> None:
    first, _, third = region.nodes
    write(region)
    sync(region.nodes)
    have_moved(region.nodes, WUZHONG, third)
    discs = region.folder / "discs"
    assert region.at(first, "city", "move", WUZHONG, "--out", discs).code == 0
    # The new node has not the hand-over yet: nothing can be acknowledged, and the place is kept.
    refused = region.pull("--ack", "accepted")
    assert refused.code == 1
    assert "Do the same again in 60 seconds." in refused.err
    assert region.at(third, "city", "receive", discs).code == 0
    pulled = region.pull("--ack", "accepted", "--json")
    assert [each["acknowledged"] for each in pulled.json["records"]] == ["accepted"] * 3
    assert third.world.partner(WUZHONG).get("/v1/records").status == 200
    sync(region.nodes)
    assert len(first.records(YULIN)) == 1


def test_a_cursor_of_one_node_is_not_used_at_another(region: Region) -> None:
    first, second, _ = region.nodes
    write(region, 2)
    cursor = region.folder / "place.json"
    assert region.pull("--cursor", cursor).code == 0
    region.turn_to(second)
    refused = region.pull("--cursor", cursor)
    assert refused.code == 1
    assert "The cursor file is of another node" in refused.err
    assert len(region.pull("--json").json["records"]) == 2, "without a name there is one for each node"
    region.turn_to(first)
    assert region.pull("--json", "--cursor", cursor).json["records"] == []


@pytest.mark.parametrize(
    ("lang", "words"),
    [("en", ("hosted here", "to be let go: hub city move")), ("zh", ("由本节点承载", "待移出"))],
)
def test_show_says_it_in_both_languages(region: Region, lang: str, words: tuple[str, str]) -> None:
    first, _, third = region.nodes
    have_moved(region.nodes, WUZHONG, third)
    said = region.at(first, "city", "show", lang=lang)
    assert said.code == 0
    for word in words:
        assert word in said.out


def test_what_cannot_be_moved_is_told(region: Region) -> None:
    first, second, third = region.nodes
    refused = region.at(first, "city", "move", YULIN, "--out", region.folder)
    assert refused.code == 1
    assert "The trust list in force does not have the city move so" in refused.err
    assert region.at(third, "city", "receive").code == 2
    assert region.at(third, "city", "receive", "--without", WUZHONG).code == 1
    have_moved(region.nodes, WUZHONG, third)
    begun = region.at(third, "city", "receive", "--without", WUZHONG)
    assert begun.code == 0
    assert "nothing handed over" in begun.out
    discs = region.folder / "discs"
    assert region.at(first, "city", "move", WUZHONG, "--out", discs).code == 0
    refused = region.at(second, "city", "receive", discs)
    assert (refused.code, "does not have the city move so" in refused.err) == (1, True)
