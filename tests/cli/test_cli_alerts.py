"""What an operator is shown of alerts that wait for an answer: whom to call, and nothing of what the alert says."""

from __future__ import annotations

import io
import json
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from conftest import Hub, Said
from partner import ALERT, ORDOS, XINZHOU, YULIN, World, members_of
from rich.console import Console

from hub.cli import output as outputs
from hub.lab.building import SYSTEM
from hub.lab.running import RunningLab

ASKING = {**ALERT, "acknowledge_within": 15}
PAST = "2026-01-02T03:04:05.000Z"


def config_of(world: World) -> Path:
    return world.folder / "nodes" / world.node.config.name / "hub.toml"


def make_overdue(config: Path, city: str) -> None:
    """As if an answer had been due long ago: the command goes by the machine's clock."""
    with closing(sqlite3.connect(config.with_name("hub.db"))) as connection, connection:
        changed = connection.execute("UPDATE awaited SET due_at = ? WHERE city = ?", [PAST, city])
        assert changed.rowcount == 1


@pytest.fixture
def alert(world: World) -> str:
    yulin = world.partner(YULIN)
    record = yulin.record(to=[ORDOS, XINZHOU], body=ASKING)
    yulin.deliver(record)
    return record


def test_a_line_for_each_recipient_the_longest_overdue_first(hub: Hub, world: World, alert: str) -> None:
    make_overdue(config_of(world), ORDOS)
    said = hub("alerts", "--config", config_of(world), "--json").json
    assert (said["awaited"], said["overdue"]) == (2, 1)
    assert [(each["city"], each["overdue"]) for each in said["alerts"]] == [(ORDOS, True), (XINZHOU, False)]
    first = said["alerts"][0]
    assert (first["id"], first["revision"], first["from"]) == (members_of(alert)["id"], 1, YULIN)
    assert first["due_at"] == PAST
    assert first["since"] < said["alerts"][1]["due_at"]


def test_words_in_both_languages_and_none_of_the_alerts_own(hub: Hub, world: World, alert: str) -> None:
    make_overdue(config_of(world), ORDOS)
    for lang in ("en", "zh"):
        said = hub("alerts", "--config", config_of(world), lang=lang)
        assert said.code == 0
        assert members_of(alert)["id"] in said.out
        for secret in ("演练", "协查", ALERT["identifier"]):
            assert secret not in said.out
    english = hub("alerts", "--config", config_of(world)).out
    assert "2 awaited, 1 of them overdue" in english
    assert english.count("overdue\n") >= 1
    assert "Next: Reach the cities" in english


def test_none_is_one_line(hub: Hub, world: World) -> None:
    assert hub("alerts", "--config", config_of(world)).out == "No alert waits for an answer.\n"
    assert hub("alerts", "--config", config_of(world), "--json").json == {
        "awaited": 0,
        "overdue": 0,
        "alerts": [],
    }


def test_a_configuration_that_is_not_there_is_explained(hub: Hub, tmp_path: Path) -> None:
    assert hub("alerts", "--config", tmp_path / "hub.toml").code == 1


# -- against a node that runs ------------------------------------------------------------------------------


@pytest.fixture
def profiles(running_lab: RunningLab) -> Path:
    return Path(running_lab.lab.trust).parent / "clients"


@pytest.fixture
def sent(hub: Hub, running_lab: RunningLab, profiles: Path, tmp_path: Path) -> Iterator[str]:
    """The id of an overdue alert to Ordos at the running node; it is answered at the end."""
    draft = {
        "kind": "alert",
        "to": [ORDOS],
        "agreement": running_lab.lab.agreements[0]["id"],
        "body": {**ASKING, "identifier": f"{YULIN}_{tmp_path.name}"},
    }
    (tmp_path / "a.json").write_text(json.dumps(draft))
    told = act(hub, profiles, YULIN, "push", tmp_path / "a.json", "--json").json
    make_overdue(node_config(running_lab), ORDOS)
    yield told["outcomes"][0]["id"]
    act(
        hub,
        profiles,
        ORDOS,
        "pull",
        "--out",
        tmp_path / "in",
        "--cursor",
        tmp_path / "c",
        "--ack",
        "received",
    )


def node_config(running_lab: RunningLab) -> Path:
    folder = Path(running_lab.lab.trust).parent
    return folder / "nodes" / running_lab.lab.nodes[0].name / "hub.toml"


def act(hub: Hub, profiles: Path, city: str, *arguments: object, **more: Any) -> Said:
    return hub(*arguments, HUB_PROFILE=str(profiles / f"{city}-{SYSTEM}.toml"), **more)


def test_status_warns_and_says_which_command_lists_them(hub: Hub, running_lab: RunningLab, sent: str) -> None:
    said = hub("status", "--config", node_config(running_lab))
    assert said.code == 0, "the node can do its work"
    assert "not acknowledged in time: 1. `hub alerts` lists them." in said.err
    assert "1 awaited, 1 of them overdue" in said.out
    told = hub("status", "--config", node_config(running_lab), "--json").json
    assert (told["ready"], told["alerts_awaited"], told["alerts_overdue"]) == (True, 1, 1)


def test_status_says_nothing_where_nothing_is_overdue(hub: Hub, running_lab: RunningLab) -> None:
    assert "acknowledged in time" not in hub("status", "--config", node_config(running_lab)).err


def test_the_delivery_shows_what_is_overdue_in_words(hub: Hub, profiles: Path, sent: str) -> None:
    said = act(hub, profiles, YULIN, "delivery", sent)
    assert "Answer due" in said.out
    assert said.out.rstrip().endswith("overdue")
    (told,) = act(hub, profiles, YULIN, "delivery", sent, "--json").json["delivery"]
    assert (told["due_at"], told["overdue"]) == (PAST, True)


@pytest.mark.parametrize("width", [200, 60])
def test_and_in_red_on_a_screen_however_narrow(
    hub: Hub, profiles: Path, sent: str, monkeypatch: pytest.MonkeyPatch, width: int
) -> None:
    screen = io.StringIO()
    made = Console(file=screen, force_terminal=True, width=width, color_system="standard", highlight=False)
    monkeypatch.setattr(outputs, "_console", lambda _stream: made)
    act(hub, profiles, YULIN, "delivery", sent)
    assert "\x1b[31moverdue" in screen.getvalue()
