"""Records carried between two nodes by hand, as their operators do it, in Chinese and in English."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from conftest import Hub
from partner import YULIN, open_world

from hub.config import read_config
from hub.federation.bundles.manifest import FIXED_BYTES
from hub.federation.bundles.outgoing import Outgoing
from hub.lab.building import Lab
from hub.node import Node

BUNDLE = "6f1b3c1e-7a51-4c0e-9d1c-2f6d5f0a1b2c"


@dataclass(frozen=True)
class Pair:
    """Two nodes that nothing connects; the first has three records for a city of the second."""

    folder: Path
    names: tuple[str, str]

    def config(self, place: int) -> Path:
        return self.folder / "nodes" / self.names[place] / "hub.toml"

    @property
    def trust(self) -> Path:
        return self.folder / "trust"

    @property
    def disc(self) -> Path:
        return self.folder / "disc"

    def volumes(self) -> list[Path]:
        return sorted(self.disc.glob("*.bundle"))

    def export(self, **options: Any) -> list[Path]:
        """A bundle of the first node's for the second, as the command makes it but for what no command lets choose."""
        node = Node(read_config(self.config(0)))
        try:
            return Outgoing(node, self.names[1]).export(self.disc, BUNDLE, **options).paths
        finally:
            node.close()


@pytest.fixture
def pair(lab_template: tuple[Path, Lab], tmp_path: Path) -> Pair:
    world = open_world(*lab_template, tmp_path / "lab")
    try:
        yulin = world.partner(YULIN)
        yulin.deliver(yulin.record(), yulin.record("event_security"), yulin.record())
    finally:
        world.node.close()
    first, second = (node.name for node in world.lab.nodes)
    return Pair(world.folder, (first, second))


def test_what_is_exported_here_is_imported_there(hub: Hub, pair: Pair) -> None:
    said = hub("bundle", "export", "--to", pair.names[1], "--out", pair.disc, "--config", pair.config(0))
    assert said.code == 0, said.err
    assert f"3 records for {pair.names[1]}" in said.out
    (path,) = pair.volumes()
    assert path.name in said.out

    said = hub("bundle", "import", pair.disc, "--config", pair.config(1))
    assert said.code == 0, said.err
    assert "taken in" in said.out
    again = hub("bundle", "import", path, "--config", pair.config(1), lang="zh")
    assert again.code == 0
    assert "没有新内容" in again.out

    back = hub(
        "bundle", "export", "--to", pair.names[0], "--out", pair.disc / "back", "--config", pair.config(1)
    )
    assert back.code == 0, back.err
    returned = hub("bundle", "import", pair.disc / "back", "--config", pair.config(0), "--json").json
    (row,) = returned["bundles"]
    assert (row["new"], row["witnessed"], row["problem"]) == (0, True, None)
    further = hub(
        "bundle", "export", "--to", pair.names[1], "--out", pair.disc, "--config", pair.config(0), "--json"
    ).json
    assert further["records"] == 0
    assert further["log"]["begin"] > 0
    everything = hub(
        *("bundle", "export", "--to", pair.names[1], "--out", pair.disc, "--config", pair.config(0)),
        *("--all", "--json"),
    ).json
    assert (everything["records"], everything["log"]["begin"]) == (3, 0)


def test_a_bundle_says_what_it_holds_without_any_node(hub: Hub, pair: Pair) -> None:
    paths = pair.export()
    said = hub("bundle", "show", *paths)
    assert said.code == 0
    assert "Nothing was verified" in said.out
    assert all(name in said.out for name in pair.names)
    assert "✓" in said.out
    assert "未作任何核验" in hub("bundle", "show", *paths, lang="zh").out
    told = hub("bundle", "show", pair.disc, "--trust", pair.trust, "--json").json
    (bundle,) = told["bundles"]
    assert (bundle["verified"], bundle["complete"], bundle["purpose"]) == (True, True, "sync")
    assert bundle["records"] == {"alert": 2, "event_security": 1}
    assert (bundle["from"], bundle["to"]) == pair.names
    assert "Nothing was verified" not in hub("bundle", "show", *paths, "--trust", pair.trust).out


@pytest.mark.parametrize(
    ("lang", "missing", "title"),
    [
        ("en", "Of 4 volumes these are missing: 2, 3.", "Something of the bundle is missing"),
        ("zh", "共 4 个分卷，缺少分卷：2、3。", "离线交换包不完整"),
    ],
)
def test_missing_volumes_are_named(hub: Hub, pair: Pair, lang: str, missing: str, title: str) -> None:
    paths = pair.export(page=1, size=FIXED_BYTES)
    for path in paths[1:3]:
        path.unlink()
    shown = hub("bundle", "show", pair.disc, "--json").json["bundles"][0]
    assert (shown["complete"], shown["volumes"]["missing"]) == (False, [2, 3])
    said = hub("bundle", "import", pair.disc, "--config", pair.config(1), lang=lang)
    assert said.code == 1
    assert missing in said.err
    assert title in said.err


@pytest.mark.parametrize(
    ("lang", "said", "step"),
    [
        ("en", "It begins at entry 5 of the log of", "Import the earlier bundle first"),
        ("zh", "号条目开始", "请先导入之前的离线交换包"),
    ],
)
def test_a_gap_is_told_with_the_way_out(hub: Hub, pair: Pair, lang: str, said: str, step: str) -> None:
    for place in (0, 1):
        disc, to = pair.disc / f"{place}", pair.names[1 - place]
        hub("bundle", "export", "--to", to, "--out", disc, "--config", pair.config(place))
        hub("bundle", "import", disc, "--config", pair.config(1 - place))
    hub("bundle", "export", "--to", pair.names[1], "--out", pair.disc / "2", "--config", pair.config(0))
    fresh = pair.config(1).with_name("fresh.toml")
    changed = {"database": f"sqlite:///{pair.folder}/fresh.db", "state": f"{pair.folder}/fresh"}
    lines = [line for line in pair.config(1).read_text().splitlines() if line.split(" ")[0] not in changed]
    fresh.write_text("\n".join([*(f'{name} = "{value}"' for name, value in changed.items()), *lines]))
    refused = hub("bundle", "import", pair.disc / "2", "--config", fresh, lang=lang)
    assert refused.code == 1
    assert said in refused.err
    assert step in refused.err


def test_a_refusal_is_one_document_for_a_program(hub: Hub, pair: Pair) -> None:
    (path,) = pair.export()
    path.write_bytes(path.read_bytes()[:-1] + b"x")
    said = hub("bundle", "import", path, "--config", pair.config(1), "--json")
    assert said.code == 1
    (row,) = said.json["bundles"]
    assert row["problem"]["type"] == "/problems/bad-signature"
    assert "damaged" in row["problem"]["title"]
    told = hub("bundle", "import", path, "--config", pair.config(1), lang="zh")
    assert "离线交换包已损坏或被改动" in told.err


@pytest.mark.parametrize(
    ("size", "refused"),
    [
        ("4.4GB", False),
        ("700 MB", False),
        ("1gib", False),
        ("32000000", False),
        ("1.44MB", True),
        ("a DVD", True),
    ],
)
def test_a_size_is_written_as_people_do(hub: Hub, pair: Pair, size: str, refused: bool) -> None:
    said = hub(
        *("bundle", "export", "--to", pair.names[1], "--out", pair.disc, "--config", pair.config(0)),
        *("--size", size),
    )
    assert said.code == (2 if refused else 0), said.err


def test_a_peer_that_there_is_not_is_a_refusal(hub: Hub, pair: Pair) -> None:
    said = hub("bundle", "export", "--to", "nobody.exchange", "--config", pair.config(0))
    assert said.code == 1
    assert "There is no such peer" in said.err


def test_a_folder_without_volumes_is_a_refusal(hub: Hub, pair: Pair) -> None:
    for command in (["import", pair.trust, "--config", pair.config(1)], ["show", pair.trust]):
        said = hub("bundle", *command)
        assert said.code == 1
        assert "holds no file whose name ends with .bundle" in said.err


def test_another_file_is_no_bundle(hub: Hub, pair: Pair) -> None:
    said = hub("bundle", "show", pair.config(0), lang="zh")
    assert said.code == 1
    assert "文件不是离线交换包，或已残缺" in said.err


@pytest.mark.parametrize("command", ["import", "show"])
def test_a_file_name_that_is_no_text_is_shown_as_far_as_it_is(hub: Hub, pair: Pair, command: str) -> None:
    (path,) = pair.export()
    odd = Path(os.fsdecode(b"odd-\xff\xfe.bundle"))
    whole, cut = path.rename(pair.disc / odd), pair.folder / odd
    cut.write_bytes(whole.read_bytes()[:1000])
    config = ("--config", pair.config(1)) if command == "import" else ()
    for each in (cut, whole):
        said = hub("bundle", command, each, *config, "--json")
        assert said.code == (1 if each is cut else 0)
        assert ("odd-\N{REPLACEMENT CHARACTER}\N{REPLACEMENT CHARACTER}.bundle" in said.out) or (
            each is whole and command == "import"
        )
        said.out.encode()
        assert said.json


def test_a_bundle_is_written_to_a_folder_whose_name_is_no_text(hub: Hub, pair: Pair) -> None:
    disc = pair.folder / os.fsdecode(b"disc-\xff")
    export = ("bundle", "export", "--to", pair.names[1], "--out", disc, "--config", pair.config(0), "--json")
    said = hub(*export)
    assert said.code == 0
    assert "disc-\N{REPLACEMENT CHARACTER}" in said.json["files"][0]["file"]


def test_a_pipe_is_refused_by_name(hub: Hub, pair: Pair) -> None:
    pipe = pair.folder / "pipe.bundle"
    os.mkfifo(pipe)
    said = hub("bundle", "import", pipe, "--config", pair.config(1), "--json")
    assert said.code == 1
    (row,) = said.json["bundles"]
    assert row["problem"]["type"] == "/problems/malformed"
