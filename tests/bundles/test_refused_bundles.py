"""Bundles that are not to be taken, or that lie: each ends in a named refusal, and changes nothing."""

from __future__ import annotations

import gzip
from collections.abc import Callable
from pathlib import Path
from typing import Any

import orjson
import pytest
from carriers import Carrier, Forged
from neighbours import Federation, Member
from partner import ORDOS, XINZHOU, YULIN, change_trust

from hub.errors import Code, Problem
from hub.federation import evidence
from hub.federation.bundles.bundle import IncompleteError
from hub.federation.bundles.incoming import GapError
from hub.federation.bundles.manifest import FIXED_BYTES, Place
from hub.federation.bundles.outgoing import Exported
from hub.federation.bundles.volume import pack, unpack

RECORDS = 300


@pytest.fixture
def honest(nodes: Federation, carrier: Carrier) -> Exported:
    """A bundle of the first node's for the second: more than a tile of records, three parts of items."""
    first, second, _ = nodes
    yulin = first.world.partner(YULIN)
    yulin.deliver(*(yulin.record() for _ in range(RECORDS)))
    return carrier.export(first, second, page=128)


@pytest.fixture
def second(nodes: Federation) -> Member:
    return nodes.members[1]


@pytest.fixture(autouse=True)
def the_honest_one_is_still_taken(nodes: Federation, carrier: Carrier, request: Any) -> Any:
    """Whatever was handed over first, no other peer suffers for it, and the node's own log is whole."""
    yield
    _, second, third = nodes
    if second.store.head().halted is not None or "expired" in request.node.name:
        return
    xinzhou = third.world.partner(XINZHOU)
    record = xinzhou.record(to=(ORDOS,))
    xinzhou.deliver(record)
    assert carrier.bring(second, carrier.export(third, second)).report.new == 1
    assert second.records(ORDOS)[-1] == record
    second.world.verify()


def untouched(member: Member, peer: Member) -> bool:
    return not member.received() and member.state(peer).frontier.size == 0


def test_a_missing_volume_is_named_and_nothing_is_taken(
    nodes: Federation, carrier: Carrier, second: Member
) -> None:
    first = nodes.members[0]
    yulin = first.world.partner(YULIN)
    yulin.deliver(*(yulin.record() for _ in range(3)))
    whole = carrier.export(first, second, page=1, size=FIXED_BYTES)
    assert len(whole.paths) == 4
    refused = carrier.refusal(second, whole.paths[2], whole.paths[0])
    assert isinstance(refused, IncompleteError)
    assert (refused.missing, refused.volumes) == ((2, 4), 4)
    assert untouched(second, first)
    outcome = carrier.bring(second, whole)
    assert outcome.report.new == 3


def test_volumes_come_in_any_order_and_from_any_folders(
    nodes: Federation, carrier: Carrier, second: Member, tmp_path: Path
) -> None:
    first = nodes.members[0]
    yulin = first.world.partner(YULIN)
    yulin.deliver(*(yulin.record() for _ in range(3)))
    whole = carrier.export(first, second, page=1, size=FIXED_BYTES)
    places = []
    for number, path in enumerate(reversed(whole.paths)):
        places.append(tmp_path / f"disc-{number}")
        places[-1].mkdir()
        path.rename(places[-1] / path.name)
    (outcome,) = carrier.hand(second, *places)
    assert not isinstance(outcome, Problem)
    assert outcome.report.new == 3


def test_a_bundle_that_begins_beyond_what_is_held_says_from_where(
    nodes: Federation, carrier: Carrier, second: Member
) -> None:
    first = nodes.members[0]
    yulin = first.world.partner(YULIN)
    yulin.deliver(yulin.record())
    begun = carrier.export(first, second)
    carrier.bring(second, begun)
    carrier.bring(first, carrier.export(second, first))
    yulin.deliver(yulin.record())
    further = carrier.export(first, second)
    assert further.manifest.since.size == begun.size
    second.neighbourhood()._node.store.write(_forget(first.name))
    refused = carrier.refusal(second, *further.paths)
    assert isinstance(refused, GapError)
    assert (refused.begins, refused.known, refused.origin) == (begun.size, 0, first.name)
    assert carrier.bring(second, carrier.export(first, second, everything=True)).report.known == 1


def _forget(name: str) -> Any:
    from hub.store import Job
    from hub.store.neighbours import PeerState

    return Job(lambda transaction: transaction.neighbours.put_peer(PeerState(name)))


def test_a_bundle_for_another_node_is_refused(
    nodes: Federation, carrier: Carrier, honest: Exported, second: Member
) -> None:
    third = nodes.members[2]
    refused = carrier.refusal(third, *honest.paths)
    assert (refused.code, refused.where) == (Code.NOT_ALLOWED, "/to")
    assert second.name in refused.detail
    assert untouched(third, nodes.members[0])


def test_a_nodes_own_bundle_and_one_of_another_purpose_are_refused(
    nodes: Federation, carrier: Carrier, honest: Exported, second: Member
) -> None:
    first = nodes.members[0]
    assert carrier.refusal(first, *honest.paths).code is Code.NOT_ALLOWED
    other = carrier.refusal(second, *carrier.forge(first, honest, purpose="move"))
    assert (other.code, other.where) == (Code.NOT_ALLOWED, "/purpose")


def test_a_bundle_that_another_node_signed_is_refused(
    nodes: Federation, carrier: Carrier, honest: Exported, second: Member
) -> None:
    first, _, third = nodes
    assert carrier.refusal(second, *carrier.forge(third, honest)).code is Code.NOT_ALLOWED
    assert untouched(second, first)


def test_a_bundle_under_a_checkpoint_of_another_log_is_refused(
    nodes: Federation, carrier: Carrier, honest: Exported, second: Member
) -> None:
    first, _, third = nodes
    note = third.world.node.exchange.checkpoint()
    assert carrier.refusal(second, *carrier.forge(first, honest, checkpoint=note)).code is Code.UNKNOWN_KEY
    assert untouched(second, first)


def test_nothing_is_taken_once_the_trust_list_has_expired(
    nodes: Federation, carrier: Carrier, honest: Exported, second: Member
) -> None:
    nodes.clock.advance(days=4000)
    with pytest.raises(Problem) as caught:
        carrier.hand(second, *honest.paths)
    assert caught.value.code is Code.BUSY


def test_a_bundle_of_a_node_that_left_the_trust_list_is_refused(
    nodes: Federation, carrier: Carrier, second: Member
) -> None:
    third = nodes.members[2]
    exported = carrier.export(third, second)

    def dismiss(trust_list: dict[str, Any], agreements: dict[str, Any]) -> None:
        trust_list["nodes"] = [each for each in trust_list["nodes"] if each["name"] != third.name]
        for city in trust_list["cities"]:
            if city["node"] == third.name:
                city["node"] = nodes.members[0].name

    change_trust(nodes.folder, dismiss)
    second.world.node.trust._looked = float("-inf")
    assert carrier.refusal(second, *exported.paths).code is Code.UNKNOWN_KEY

    def readmit(trust_list: dict[str, Any], _agreements: dict[str, Any]) -> None:
        trust_list["nodes"].append(dismissed)
        for city in trust_list["cities"]:
            if city["code"] == XINZHOU:
                city["node"] = third.name

    dismissed = _node_of(nodes, third)
    change_trust(nodes.folder, readmit)
    second.world.node.trust._looked = float("-inf")
    second.world.node.trust()


def _node_of(nodes: Federation, member: Member) -> dict[str, Any]:
    for path in sorted((nodes.folder / "trust" / "targets").glob("*.trust-list.json")):
        for node in orjson.loads(path.read_bytes())["nodes"]:
            if node["name"] == member.name:
                found: dict[str, Any] = node
                return found
    raise AssertionError(member.name)


def test_any_damage_is_found_before_anything_is_taken(
    nodes: Federation, carrier: Carrier, honest: Exported, second: Member
) -> None:
    first = nodes.members[0]
    (path,) = honest.paths
    true = path.read_bytes()
    for place in range(0, len(true), len(true) // 97):
        path.write_bytes(true[:place] + bytes([true[place] ^ 0x20]) + true[place + 1 :])
        carrier.refusal(second, path)
        assert untouched(second, first), place
    path.write_bytes(true)
    assert carrier.bring(second, honest).report.new == RECORDS


# --- a node that lies with its own keys ---


def items_in(parts: Forged, change: Callable[[list[Any]], None]) -> None:
    name = next(name for name in parts if name.startswith("items/"))
    items = orjson.loads(unpack(parts[name]))
    change(items)
    parts[name] = pack(orjson.dumps(items))


def first_item(**members: Any) -> Callable[[Forged], None]:
    return lambda parts: items_in(parts, lambda items: items[0].update(members))


def flip(name: str) -> Callable[[Forged], None]:
    def change(parts: Forged) -> None:
        content = bytearray(parts[name])
        content[len(content) // 2] ^= 1
        parts[name] = bytes(content)

    return change


def instead(name: str, content: bytes) -> Callable[[Forged], None]:
    def change(parts: Forged) -> None:
        chosen = next(each for each in parts if each.startswith(name))
        parts[chosen] = content

    return change


def renamed(name: str, other: str) -> Callable[[Forged], None]:
    def change(parts: Forged) -> None:
        chosen = next(each for each in parts if each.startswith(name))
        parts[other] = parts.pop(chosen)

    return change


def without(name: str) -> Callable[[Forged], None]:
    def change(parts: Forged) -> None:
        for each in [each for each in parts if each.startswith(name)]:
            del parts[each]

    return change


LIES: dict[str, tuple[Callable[[Forged], None], set[Code]]] = {
    "a forged leaf": (flip("hashes/0/0"), {Code.BAD_SIGNATURE}),
    "hashes that are cut off": (instead("hashes/0", b"x" * 3200), {Code.MALFORMED}),
    "half a hash": (instead("hashes/1", b"x" * 31), {Code.MALFORMED}),
    "no upper level": (without("hashes/1"), {Code.MALFORMED}),
    "a level that the log has not": (lambda parts: parts.update({"hashes/5/0": b"x" * 32}), {Code.MALFORMED}),
    "a run that begins inside a tile": (renamed("hashes/0", "hashes/0/7"), {Code.MALFORMED}),
    "a part of another name": (lambda parts: parts.update({"secrets/1": b"x"}), {Code.MALFORMED}),
    "a part without a number": (renamed("items", "items/first"), {Code.MALFORMED}),
    "a part that begins elsewhere": (renamed("items/2", "items/1"), {Code.MALFORMED}),
    "items that are not gzip": (instead("items", b"x" * 50), {Code.MALFORMED}),
    "items that are not JSON": (instead("items", pack(b"[{")), {Code.MALFORMED}),
    "items that are no list": (instead("items", pack(b'{"index":2}')), {Code.MALFORMED}),
    "items that are no objects": (instead("items", pack(b"[2]")), {Code.MALFORMED}),
    "no items": (instead("items", pack(b"[]")), {Code.MALFORMED}),
    "a bomb": (instead("items", gzip.compress(bytes(30_000_000))), {Code.TOO_LARGE}),
    "an index that is no number": (first_item(index="2"), {Code.MALFORMED}),
    "no entry": (first_item(entry=None), {Code.MALFORMED}),
    "another entry": (first_item(entry='{"type":"accepted"}'), {Code.BAD_SIGNATURE}),
    "another record": (first_item(record="e30.e30.e30"), {Code.MALFORMED}),
    "a record that is kept back": (first_item(record=None), {Code.MALFORMED}),
    "an item that is left out": (
        lambda parts: items_in(parts, lambda items: items.pop(1)),
        {Code.CONFLICT},
    ),
    "items that go back": (lambda parts: items_in(parts, lambda items: items.append(items[0])), {Code.CONFLICT}),
}  # fmt: skip


@pytest.mark.parametrize("lie", LIES)
def test_a_lie_ends_in_a_named_refusal(
    nodes: Federation, carrier: Carrier, honest: Exported, second: Member, lie: str
) -> None:
    first = nodes.members[0]
    change, codes = LIES[lie]
    refused = carrier.refusal(second, *carrier.forge(first, honest, change))
    assert refused.code in codes, refused
    assert second.state(first).cut_at is None
    assert second.accusations(first) == []
    if "left out" not in lie and "go back" not in lie:
        assert second.records(ORDOS) == []
    assert carrier.bring(second, honest).report.new + len(second.received()) >= RECORDS


def test_hashes_that_do_not_reach_back_as_far_as_the_bundle_says_are_a_gap(
    nodes: Federation, carrier: Carrier, honest: Exported, second: Member
) -> None:
    first = nodes.members[0]

    def cut(parts: Forged) -> None:
        parts["hashes/0/256"] = parts.pop("hashes/0/0")[256 * 32 :]

    assert isinstance(carrier.refusal(second, *carrier.forge(first, honest, cut)), GapError)
    assert untouched(second, first)


def test_a_bundle_that_says_it_begins_further_on_than_its_records_is_taken_as_it_says(
    nodes: Federation, carrier: Carrier, honest: Exported, second: Member
) -> None:
    first = nodes.members[0]
    refused = carrier.refusal(second, *carrier.forge(first, honest, since=Place(0, 5)))
    assert isinstance(refused, GapError)


# --- two histories ---


def fork(nodes: Federation, carrier: Carrier, records: int) -> tuple[Exported, Exported]:
    """A bundle for the second node, and one of another history of the same node, with so many records."""
    first, second, _ = nodes
    yulin = first.world.partner(YULIN)
    yulin.deliver(yulin.record())
    twin = Member(nodes.twin(first))
    yulin.deliver(yulin.record())
    liar = twin.world.partner(YULIN)
    for _ in range(records):
        liar.deliver(liar.record())
    return carrier.export(first, second), carrier.export(twin, second)


@pytest.mark.parametrize("records", [1, 300], ids=["of one size", "of a larger size"])
def test_two_histories_cut_the_peer_off_and_leave_evidence_that_convinces_others(
    nodes: Federation, carrier: Carrier, second: Member, records: int
) -> None:
    first, _, third = nodes
    true, forked = fork(nodes, carrier, records)
    assert (true.size == forked.size) == (records == 1)
    carrier.bring(second, true)
    refused = carrier.refusal(second, *forked.paths)
    assert refused.code is Code.CONFLICT
    (accusation,) = second.accusations(first)
    found = evidence.verify(accusation.document, third.world.node.trust())
    assert found.proven
    assert second.state(first).cut_at is not None
    again = carrier.refusal(second, *true.paths)
    assert again.code is Code.NOT_ALLOWED
    assert "cut off" in again.detail


def test_an_older_bundle_of_another_history_proves_nothing_and_is_left(
    nodes: Federation, carrier: Carrier, second: Member
) -> None:
    first = nodes.members[0]
    true, forked = fork(nodes, carrier, 0)
    assert forked.size < true.size
    carrier.bring(second, true)
    outcome = carrier.bring(second, forked)
    assert outcome.report.past
    assert second.state(first).cut_at is None
