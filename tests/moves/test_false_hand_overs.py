"""Hand-overs that are not what they say: each is refused by name, and nothing of the city begins."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from movers import carry, hand_over, have_moved, receive, sync
from neighbours import Federation, Member, look_for_trust
from partner import ORDOS, WUZHONG, XINZHOU, YULIN, change_trust

from hub.errors import Code, Problem
from hub.federation.moving import departing
from hub.federation.moving.departing import Departing
from hub.federation.moving.statement import Statement
from hub.log.entry import Hosted, Moved
from hub.store.moves import Position
from hub.store.moving import Taken


@pytest.fixture(name="moving")
def a_city_on_its_way(nodes: Federation) -> tuple[Member, Member, Member]:
    """Wuzhong has sent and received, and moves from the first node to the third."""
    first, second, third = nodes
    for _ in range(3):
        first.world.partner(WUZHONG).deliver(first.world.partner(WUZHONG).record(to=(ORDOS, XINZHOU)))
        second.world.partner(ORDOS).deliver(second.world.partner(ORDOS).record(to=(WUZHONG,)))
        first.world.partner(YULIN).deliver(first.world.partner(YULIN).record(to=(WUZHONG, XINZHOU)))
        sync(nodes)
    have_moved(nodes, WUZHONG, third)
    return first, second, third


def refusal(new: Member, paths: list[Path]) -> Problem:
    """Why a hand-over is refused; nothing begins."""
    with pytest.raises(Problem) as refused:
        receive(new, paths)
    assert new.world.entries(Hosted) == []
    assert new.store.head().moves.stays == {}
    assert new.world.partner(WUZHONG).post({"records": []}).status != 200
    return refused.value


Item = dict[str, Any]


def drop_bytes(item: Item) -> None:
    item["record"] = None


def blame_an_erasure(item: Item) -> None:
    item.update(record=None, erased={"index": item["index"], "entry": item["entry"]})


def alter_the_record(item: Item) -> None:
    head, _, rest = item["record"].partition(".")
    item["record"] = f"{head}.{rest[::-1]}"


def alter_the_entry(item: Item) -> None:
    item["entry"] = item["entry"].replace('"marking":"amber"', '"marking":"green"')


def alter_the_place(item: Item) -> None:
    item["index"] += 1


def invent_members(item: Item) -> None:
    item["fetched"] = {"x" * 1_000: "y"}


def invent_times(item: Item) -> None:
    item["forget_at"] = "never"


LIES: dict[str, tuple[Callable[[Item], None], set[Code]]] = {
    "a record without its bytes": (drop_bytes, {Code.MALFORMED}),
    "a record under a wrong excuse": (blame_an_erasure, {Code.CONFLICT}),
    "another record's bytes": (alter_the_record, {Code.CONFLICT}),
    "an altered entry": (alter_the_entry, {Code.BAD_SIGNATURE}),
    "another place": (alter_the_place, {Code.BAD_SIGNATURE, Code.MALFORMED}),
    "members of another form": (invent_members, {Code.MALFORMED}),
    "times that are none": (invent_times, {Code.MALFORMED}),
}


@pytest.mark.parametrize("lie", LIES)
def test_what_the_old_nodes_log_does_not_prove_is_refused(
    moving: tuple[Member, Member, Member], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, lie: str
) -> None:
    """The old node signs its lie with its own key."""
    first, _, third = moving
    change, codes = LIES[lie]
    honest = departing._members

    def lying(item: Taken) -> Item:
        members = honest(item)
        if '"type":"received"' in item.entry:
            change(members)
        return members

    monkeypatch.setattr(departing, "_members", lying)
    assert refusal(third, hand_over(first, WUZHONG, tmp_path).paths).code in codes
    monkeypatch.undo()
    receive(third, hand_over(first, WUZHONG, tmp_path / "again").paths)


@pytest.mark.parametrize("place", [0, 1, -1])
def test_a_record_that_is_left_out_shows(
    moving: tuple[Member, Member, Member], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, place: int
) -> None:
    first, _, third = moving
    honest = Departing._items

    def lying(*arguments: Any) -> Any:
        items = list(honest(*arguments))
        received = [each for each in items if f'"from":"{WUZHONG}"' not in each.entry]
        items.remove(received[place])
        return iter(items)

    monkeypatch.setattr(Departing, "_items", lying)
    problem = refusal(third, hand_over(first, WUZHONG, tmp_path).paths)
    assert problem.code is Code.CONFLICT
    assert "number" in problem.detail


STATEMENTS: dict[str, tuple[dict[str, Any], Code]] = {
    "another city": ({"city": YULIN}, Code.MALFORMED),
    "another node": ({"recipient": "150600.exchange"}, Code.MALFORMED),
    "another old node": ({"sender": "150600.exchange"}, Code.CONFLICT),
    "another end": ({"last": 3}, Code.MALFORMED),
    "a smaller log": ({"size": 3}, Code.BAD_SIGNATURE),
    "a larger log": ({"size": 10_000}, Code.CONFLICT),
    "more of the new node's log than there is": (
        {"positions": {"140900.exchange": Position(10_000, 3)}},
        Code.CONFLICT,
    ),
    "other numbers of the new node's log": (
        {"positions": {"140900.exchange": Position(2, 3)}},
        Code.CONFLICT,
    ),
}


@pytest.mark.parametrize("said", STATEMENTS)
def test_a_statement_that_is_not_true_is_refused(
    moving: tuple[Member, Member, Member], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, said: str
) -> None:
    first, _, third = moving
    changes, code = STATEMENTS[said]
    honest = Departing._statement
    monkeypatch.setattr(
        Departing, "_statement", lambda self, departure: replace(honest(self, departure), **changes)
    )
    assert refusal(third, hand_over(first, WUZHONG, tmp_path).paths).code is code


@pytest.mark.parametrize(
    "text", ["", "{}", "[]", '{"v":1}', '{"city":["640300"]}', "null", "{" * 100, '"\\ud800"']
)
def test_a_statement_that_is_none_is_malformed(text: str) -> None:
    with pytest.raises(Problem) as refused:
        Statement.decode(text)
    assert refused.value.code is Code.MALFORMED


def test_a_statement_has_one_spelling(moving: tuple[Member, Member, Member], tmp_path: Path) -> None:
    text = hand_over(moving[0], WUZHONG, tmp_path).manifest.statement
    assert text is not None
    assert Statement.decode(text).encode() == text
    for other in (text + "\n", text.replace(":", ": ", 1), json.dumps({**json.loads(text), "more": 1})):
        with pytest.raises(Problem):
            Statement.decode(other)


def test_a_damaged_volume_is_found_before_anything_is_taken(
    moving: tuple[Member, Member, Member], tmp_path: Path
) -> None:
    first, _, third = moving
    (path,) = hand_over(first, WUZHONG, tmp_path).paths
    content = bytearray(path.read_bytes())
    content[-7] ^= 1
    path.write_bytes(content)
    assert refusal(third, [path]).code is Code.BAD_SIGNATURE
    assert third.world.entries(Moved) == []


def test_a_hand_over_is_for_one_node_and_of_the_last_one(
    moving: tuple[Member, Member, Member], nodes: Federation, tmp_path: Path
) -> None:
    first, second, third = moving
    handed = hand_over(first, WUZHONG, tmp_path)
    assert refusal(second, handed.paths).code is Code.NOT_ALLOWED
    receive(third, handed.paths)
    # It is moved on; what the first node once handed over is nobody's any more.
    have_moved(nodes, WUZHONG, second)
    assert refusal(second, handed.paths).code is Code.NOT_ALLOWED


def test_a_hand_over_of_before_is_not_taken_again(
    moving: tuple[Member, Member, Member], nodes: Federation, tmp_path: Path
) -> None:
    """The city came, went back, and comes again: the first hand-over says nothing about the second stay."""
    first, _, third = moving
    old = hand_over(first, WUZHONG, tmp_path / "old").paths
    receive(third, old)
    carry(nodes, WUZHONG, third, first)
    have_moved(nodes, WUZHONG, third)
    with pytest.raises(Problem) as refused:
        receive(third, old)
    assert refused.value.code is Code.NOT_ALLOWED
    receive(third, hand_over(first, WUZHONG, tmp_path / "new").paths)


def test_a_hand_over_of_another_history_cuts_the_old_node_off(
    moving: tuple[Member, Member, Member], nodes: Federation, tmp_path: Path
) -> None:
    first, _, third = moving
    twin = nodes.twin(first)
    for world in (first.world, twin):
        world.partner(YULIN).deliver(world.partner(YULIN).record(to=(XINZHOU,)))
    third.round(first)
    twin.partner(YULIN).deliver(*(twin.partner(YULIN).record(to=(ORDOS,)) for _ in range(3)))
    handed = hand_over(replace(first, world=twin), WUZHONG, tmp_path)
    problem = refusal(third, handed.paths)
    assert problem.code is Code.CONFLICT
    assert "two histories" in problem.detail
    (accused,) = third.accusations(first)
    assert accused.kind == "fork"
    assert third.state(first).cut_at is not None


def test_an_older_hand_over_is_held_against_what_the_old_node_shows_now(
    moving: tuple[Member, Member, Member], tmp_path: Path
) -> None:
    first, _, third = moving
    handed = hand_over(first, WUZHONG, tmp_path)
    first.world.partner(YULIN).deliver(first.world.partner(YULIN).record(to=(XINZHOU,)))
    third.round(first)
    third.link(first).cut = True
    assert refusal(third, handed.paths).code is Code.BUSY
    third.link(first).cut = False
    assert receive(third, handed.paths).new


def test_a_record_of_a_key_that_nobody_knows_any_more_leaves_its_entry(
    moving: tuple[Member, Member, Member], nodes: Federation, tmp_path: Path
) -> None:
    first, second, third = moving
    handed = hand_over(first, WUZHONG, tmp_path)

    def strike_out(trust_list: dict[str, Any], _agreements: dict[str, Any]) -> None:
        for city in trust_list["cities"]:
            if city["code"] == ORDOS:
                city["keys"] = [key for key in city["keys"] if key["use"] != "sign"]

    change_trust(nodes.folder, strike_out)
    look_for_trust(*nodes)
    came = receive(third, handed.paths)
    assert came.unknown == 3
    third.round(second)
    third.world.verify()


def test_a_revoked_keys_records_are_handed_over_all_the_same(
    moving: tuple[Member, Member, Member], nodes: Federation, tmp_path: Path
) -> None:
    first, _, third = moving
    handed = hand_over(first, WUZHONG, tmp_path)

    def revoke(trust_list: dict[str, Any], agreements: dict[str, Any]) -> None:
        for city in trust_list["cities"]:
            for key in city["keys"] if city["code"] == ORDOS else ():
                key["revoked_at"] = "2026-01-01T00:00:00Z"
        agreements["agreements"] = []

    change_trust(nodes.folder, revoke)
    look_for_trust(*nodes)
    came = receive(third, handed.paths)
    assert (came.new > 0, came.unknown) == (True, 0)
