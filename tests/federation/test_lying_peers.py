"""A peer that lies in every way it can: each lie ends in a named refusal, nothing of it is taken, and no other peer
suffers for it.

The first node lies, the second asks it, the third is honest.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
import wire
from neighbours import YANAN, Federation, Link, Member, Reply, look_for_trust, plant
from partner import ORDOS, WUZHONG, XINZHOU, YULIN, change_trust

from hub.errors import Code, Problem
from hub.federation import evidence
from hub.federation import round as rounds
from hub.federation.evidence import Finding
from hub.log import entry as entries
from hub.log.checkpoint import Checkpoint, sign_checkpoint
from hub.log.entry import Equivocation
from hub.log.note import sign_note
from hub.log.tree import EMPTY_ROOT, leaf_hash
from keys.suite import generate_signing

RECORDS = 300
"""In the liar's log: more than a tile of them."""
FIRST = 2
"""The index of the first of them: before it two entries say what trust is in force."""


@pytest.fixture
def liar(nodes: Federation) -> Member:
    """The first node, with records for the second one's cities."""
    first = nodes.members[0]
    yulin = first.world.partner(YULIN)
    yulin.deliver(*(yulin.record(to=(ORDOS,)) for _ in range(RECORDS)))
    return first


@pytest.fixture
def second(nodes: Federation) -> Member:
    return nodes.members[1]


@pytest.fixture(autouse=True)
def others_do_not_suffer(nodes: Federation, liar: Member, second: Member) -> Any:
    """Whatever the first node did, the third's records come, and the second's own log is whole."""
    yield
    _, _, third = nodes
    look_for_trust(second, third)
    xinzhou = third.world.partner(XINZHOU)
    record = xinzhou.record(to=(ORDOS,))
    xinzhou.deliver(record)
    assert second.round(third).new == 1
    assert second.records(ORDOS)[-1] == record
    second.world.verify()


def proven(member: Member, peer: Member) -> Finding:
    """The one piece of evidence against a peer, verified from the file and the trust list alone."""
    (kept,) = member.accusations(peer)
    (entry,) = member.world.entries(Equivocation)
    assert entry.origin == peer.name == kept.origin
    found = evidence.verify(kept.document, member.world.node.trust())
    assert (entry.ours, entry.theirs) == (found.ours.note, found.theirs.note)
    return found


def check_cut_off(member: Member, peer: Member) -> None:
    """Nothing more is asked, by rounds or by the lane, and nothing taken; only a person ends it."""
    link = member.link(peer)
    taken = member.received()
    assert member.state(peer).cut_at is not None
    assert not member.neighbourhood().is_due(member.state(peer))
    said = member.state(peer).problem
    link.forget()
    for ask in (lambda: member.round(peer), lambda: member.lane(peer)):
        with pytest.raises(Problem) as cut:
            ask()
        assert cut.value.code is Code.NOT_ALLOWED
    assert link.asked == []
    assert member.received() == taken
    assert (member.state(peer).problem, member.state(peer).failures) == (said, 0)


# -- its tiles -----------------------------------------------------------------------------------------


def flip(at: int) -> Callable[[Reply], None]:
    def change(reply: Reply) -> None:
        body = bytearray(reply.body)
        body[at % len(body)] ^= 1
        reply.body = bytes(body)

    return change


def answer_with(body: bytes) -> Callable[[Reply], None]:
    def change(reply: Reply) -> None:
        reply.body = body

    return change


@pytest.mark.parametrize("at", [0, 32 * 255, -1])
def test_a_forged_tile(liar: Member, second: Member, at: int) -> None:
    second.link(liar).lie("/log/tile/0/", flip(at), signed=False)
    assert second.refusal(liar).code is Code.BAD_SIGNATURE
    assert second.received() == []
    assert second.accusations(liar) == [], "a tile is nobody's word"
    second.link(liar).tell_the_truth()
    assert second.round(liar).new == RECORDS


@pytest.mark.parametrize(
    "body", [b"", b"\0" * 31, b"\0" * 32 * 255, b"\0" * 32 * 257, b"\0" * (32 * 256 + 1)]
)
def test_a_tile_of_another_length(liar: Member, second: Member, body: bytes) -> None:
    second.link(liar).lie("/log/tile/0/", answer_with(body), signed=False)
    assert second.refusal(liar).code is Code.MALFORMED
    assert second.received() == []


def test_leaves_forged_behind_the_place_that_was_folded_last_time(liar: Member, second: Member) -> None:
    """They are no part of what is new, so that the root does not speak for them."""
    link = second.link(liar)
    link.lie_in_items(lambda items: items.pop())
    assert second.round(liar).new == RECORDS - 1
    yulin = liar.world.partner(YULIN)
    yulin.deliver(yulin.record(to=(WUZHONG,)))
    link.tell_the_truth()
    at = FIRST + RECORDS - 1
    held = entries.decode(liar.store.lines(at, at + 1)[0])
    assert isinstance(held, entries.Accepted)
    forged = yulin.record(to=(ORDOS,), id=held.id)
    line = liar.store.lines(at, at + 1)[0].replace(held.digest.encode(), wire.digest(forged).encode())
    place = at % 256 * 32

    def forge_tile(reply: Reply) -> None:
        reply.body = reply.body[:place] + leaf_hash(line) + reply.body[place + 32 :]

    def forge_item(items: list[Any]) -> None:
        for item in items:
            if item["index"] == at:
                item.update(entry=line.decode(), record=forged)

    link.lie("/log/tile/0/001", forge_tile, signed=False)
    link.lie_in_items(forge_item)
    assert second.refusal(liar).code is Code.BAD_SIGNATURE
    assert forged not in second.records(ORDOS)


def test_a_size_that_nobody_could_ever_fold(liar: Member, second: Member) -> None:
    huge = Checkpoint(liar.name, 2**62, b"\0" * 32)
    note = sign_checkpoint(huge, liar.world.node._log_key).encode()
    second.link(liar).lie("/log/checkpoint", answer_with(note), signed=False)
    assert second.refusal(liar).code is Code.TOO_LARGE
    assert second.link(liar).asked == ["/log/checkpoint"]


# -- its checkpoints -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("note", "code"),
    [
        (b"", Code.MALFORMED),
        (b"<html>not here</html>", Code.MALFORMED),
        (b"\xff\xfe", Code.MALFORMED),
        (b"x" * 100_000, Code.TOO_LARGE),
    ],
)
def test_a_checkpoint_that_is_none(liar: Member, second: Member, note: bytes, code: Code) -> None:
    second.link(liar).lie("/log/checkpoint", answer_with(note), signed=False)
    assert second.refusal(liar).code is code


def test_a_checkpoint_of_another_key(liar: Member, second: Member) -> None:
    checkpoint = Checkpoint(liar.name, RECORDS, b"\0" * 32)
    note = sign_checkpoint(checkpoint, generate_signing()).encode()
    second.link(liar).lie("/log/checkpoint", answer_with(note), signed=False)
    assert second.refusal(liar).code is Code.UNKNOWN_KEY


def test_a_checkpoint_of_another_log(nodes: Federation, liar: Member, second: Member) -> None:
    note = nodes.members[2].world.node.exchange.checkpoint().encode()
    second.link(liar).lie("/log/checkpoint", answer_with(note), signed=False)
    assert second.refusal(liar).code is Code.UNKNOWN_KEY


# -- two histories -------------------------------------------------------------------------------------


def test_a_fork_at_the_same_size_is_proven(nodes: Federation, liar: Member, second: Member) -> None:
    twin = nodes.twin(liar)
    twin.partner(YULIN).deliver(twin.partner(YULIN).record(to=(ORDOS,)))
    yulin = liar.world.partner(YULIN)
    yulin.deliver(yulin.record(to=(WUZHONG,)))
    assert second.round(liar).new == RECORDS
    second.link(liar).peer = twin
    _rewind(second, liar, twin)
    assert second.refusal(liar).code is Code.CONFLICT
    found = proven(second, liar)
    assert found.proven
    assert found.kind == "fork"
    assert found.ours.size == found.theirs.size
    check_cut_off(second, liar)


def _rewind(member: Member, peer: Member, twin: Any) -> None:
    """Let the twin's log grow, by pulls of which each is an entry, to the size that was folded of the peer's."""
    size = member.state(peer).frontier.size
    partner = twin.partner(ORDOS)
    while twin.node.store.head().size < size:
        partner.get("/v1/records?limit=1")
    assert twin.node.store.head().size == size


def test_a_fork_that_grew_is_proven(nodes: Federation, liar: Member, second: Member) -> None:
    twin = nodes.twin(liar)
    yulin = twin.partner(YULIN)
    yulin.deliver(*(yulin.record(to=(ORDOS,)) for _ in range(RECORDS)))
    other = liar.world.partner(YULIN)
    other.deliver(other.record(to=(ORDOS,)))
    assert second.round(liar).new == RECORDS + 1
    second.link(liar).peer = twin
    taken = second.received()
    assert second.refusal(liar).code is Code.CONFLICT
    found = proven(second, liar)
    assert found.proven
    assert (found.kind, found.ours.size < found.theirs.size) == ("fork", True)
    assert second.received() == taken
    check_cut_off(second, liar)


def test_a_fork_that_is_smaller_is_proven_where_its_tiles_say_so(
    nodes: Federation, liar: Member, second: Member
) -> None:
    """An old copy of a log that went on in another way: its own tiles cannot help it, those of before do."""
    twin = nodes.twin(liar)
    yulin = twin.partner(YULIN)
    yulin.deliver(yulin.record(to=(WUZHONG,)))
    other = liar.world.partner(YULIN)
    other.deliver(*(other.record(to=(WUZHONG,)) for _ in range(3)))
    second.round(liar)
    note = twin.node.exchange.checkpoint().encode()
    second.link(liar).lie("/log/checkpoint", answer_with(note), signed=False)
    assert second.refusal(liar).code is Code.CONFLICT
    found = proven(second, liar)
    assert (found.kind, found.proven, found.theirs.size < found.ours.size) == ("fork", True, True)


@pytest.mark.parametrize("empty", [False, True])
def test_a_log_that_shrank_is_cut_off_which_proves_nothing_to_others(
    liar: Member, second: Member, empty: bool
) -> None:
    old = liar.world.node.exchange.checkpoint()
    if empty:
        old = sign_checkpoint(Checkpoint(liar.name, 0, EMPTY_ROOT), liar.world.node._log_key)
    yulin = liar.world.partner(YULIN)
    yulin.deliver(yulin.record(to=(WUZHONG,)))
    second.round(liar)
    second.link(liar).lie("/log/checkpoint", answer_with(old.encode()), signed=False)
    assert second.refusal(liar).code is Code.CONFLICT
    found = proven(second, liar)
    assert (found.kind, found.proven) == ("shrunk", False)
    check_cut_off(second, liar)


def test_a_fork_behind_a_note_full_of_strangers_signatures_is_cut_off_all_the_same(
    nodes: Federation, liar: Member, second: Member
) -> None:
    """Two notes as long as notes may be would not fit into an entry."""
    twin = nodes.twin(liar)
    yulin = liar.world.partner(YULIN)
    yulin.deliver(yulin.record(to=(WUZHONG,)))
    padding = [f"— stranger-{n} {'A' * 1000}\n" for n in range(62)]

    def pad(reply: Reply) -> None:
        body, _, lines = reply.body.decode().rpartition("\n\n")
        reply.body = sign_note(f"{body}\n", [lines, *padding]).encode()

    second.link(liar).lie("/log/checkpoint", pad, signed=False)
    assert second.round(liar).new == RECORDS
    second.link(liar).peer = twin
    twin.partner(YULIN).deliver(*(twin.partner(YULIN).record(to=(ORDOS,)) for _ in range(9)))
    assert second.refusal(liar).code is Code.CONFLICT
    assert proven(second, liar).proven
    check_cut_off(second, liar)


def test_a_page_under_another_history_of_the_same_size(
    nodes: Federation, liar: Member, second: Member
) -> None:
    twin = nodes.twin(liar)
    twin.partner(YULIN).deliver(twin.partner(YULIN).record(to=(WUZHONG,)))
    yulin = liar.world.partner(YULIN)
    yulin.deliver(yulin.record(to=(WUZHONG,)))
    note = twin.node.exchange.checkpoint()
    second.link(liar).lie_in_page(lambda page: page.update(checkpoint=note))
    assert second.refusal(liar).code is Code.CONFLICT
    assert proven(second, liar).proven
    assert second.received() == []


def test_a_person_readmits_a_peer_and_nothing_comes_twice(
    nodes: Federation, liar: Member, second: Member
) -> None:
    old = liar.world.node.exchange.checkpoint().encode()
    yulin = liar.world.partner(YULIN)
    yulin.deliver(yulin.record(to=(ORDOS,)))
    second.round(liar)
    link = second.link(liar)
    link.lie("/log/checkpoint", answer_with(old), signed=False)
    second.refusal(liar)
    link.tell_the_truth()
    taken = second.received()
    for anew in (False, True):
        if anew:
            link.lie("/log/checkpoint", answer_with(old), signed=False)
            second.refusal(liar)
            link.tell_the_truth()
        second.neighbourhood().readmit(liar.name, anew=anew)
        report = second.round(liar)
        assert (report.new, report.known) == (0, RECORDS + 1 if anew else 0)
        assert second.received() == taken
    with pytest.raises(Problem) as honest:
        second.neighbourhood().readmit(liar.name, anew=True)
    assert honest.value.code is Code.NOT_FOUND
    assert len(second.accusations(liar)) == 2


# -- its pages -----------------------------------------------------------------------------------------


def at(place: int, **changes: Any) -> Callable[[list[Any]], None]:
    """Change members of one item."""
    return lambda items: items[place].update(changes)


def swap_entries(items: list[Any]) -> None:
    items[3]["entry"], items[4]["entry"] = items[4]["entry"], items[3]["entry"]


def swap_records(items: list[Any]) -> None:
    items[3]["record"], items[4]["record"] = items[4]["record"], items[3]["record"]


def repeat(items: list[Any]) -> None:
    items.insert(4, items[3])


def turn_round(items: list[Any]) -> None:
    items.reverse()


def leave_one_out(items: list[Any]) -> None:
    del items[3]


def leave_out_the_first(items: list[Any]) -> None:
    del items[:3]


def alter_entry(items: list[Any]) -> None:
    items[3]["entry"] = items[3]["entry"].replace("amber", "clear")


def break_signature(items: list[Any]) -> None:
    items[3]["record"] = items[3]["record"][:-10] + "AAAAAAAAAA"


ITEMS: dict[str, tuple[Callable[[list[Any]], None], Code, int]] = {
    "entries change places": (swap_entries, Code.BAD_SIGNATURE, 3),
    "records change places": (swap_records, Code.CONFLICT, 3),
    "an item comes twice": (repeat, Code.CONFLICT, 4),
    "items in another order": (turn_round, Code.CONFLICT, 0),
    "an item is left out": (leave_one_out, Code.CONFLICT, 3),
    "the first items are left out": (leave_out_the_first, Code.CONFLICT, 0),
    "an altered entry": (alter_entry, Code.BAD_SIGNATURE, 3),
    "a broken record": (break_signature, Code.BAD_SIGNATURE, 3),
    "a record that is none": (at(3, record="x"), Code.MALFORMED, 3),
    "a record that is no text": (at(3, record=7), Code.MALFORMED, 3),
    "a record kept back": (at(3, record=None), Code.MALFORMED, 3),
    "a record kept back with a wrong excuse": (
        at(3, record=None, erased={"index": 9, "entry": "{}"}),
        Code.BAD_SIGNATURE,
        3,
    ),
    "an index beyond the log": (at(3, index=100_000), Code.CONFLICT, 3),
    "an index of a huge number": (at(3, index=10**30), Code.MALFORMED, 3),
    "a negative index": (at(3, index=-1), Code.CONFLICT, 3),
    "an index in a text": (at(3, index="3"), Code.MALFORMED, 3),
    "an index that is a flag": (at(0, index=True), Code.MALFORMED, 0),
    "an index with a fraction": (at(3, index=3.0), Code.MALFORMED, 3),
    "an index of another entry": (at(3, index=FIRST + 4), Code.BAD_SIGNATURE, 3),
    "an entry that is no entry": (at(3, entry="{}"), Code.BAD_SIGNATURE, 3),
    "an entry that is no text": (at(3, entry=["x"]), Code.MALFORMED, 3),
    "an entry longer than any": (at(3, entry="x" * 70_000), Code.TOO_LARGE, 3),
    "an item that is none": (lambda items: items.insert(3, 5), Code.MALFORMED, 3),
    "an item without members": (lambda items: items.insert(3, {}), Code.MALFORMED, 3),
}


@pytest.mark.parametrize("lie", ITEMS)
def test_items_that_are_not_what_the_log_has(liar: Member, second: Member, lie: str) -> None:
    change, code, taken = ITEMS[lie]
    link = second.link(liar)
    link.lie_in_items(change)
    assert second.refusal(liar).code is code
    assert len(second.received()) in (0, taken), "what stands before the lie is kept"
    assert second.state(liar).failures == 1
    link.tell_the_truth()
    second.round(liar)
    assert len(second.received()) == RECORDS


def test_an_index_that_is_not_folded_yet_is_held_against_the_log_in_the_next_round(
    liar: Member, second: Member
) -> None:
    second.link(liar).lie_in_items(lambda items: items[3:4] and items[3].update(index=FIRST + RECORDS))
    assert second.round(liar).new == 3
    second.link(liar).tell_the_truth()
    second.link(liar).lie_in_items(lambda items: items[0].update(index=FIRST + RECORDS))
    assert second.refusal(liar).code is Code.BAD_SIGNATURE
    assert len(second.received()) == 3


PAGES: dict[str, tuple[Callable[[dict[str, Any]], Any], Code]] = {
    "more than was asked for": (lambda page: page.update(items=page["items"] * 40), Code.TOO_LARGE),
    "an empty page that goes on": (lambda page: page.update(items=[], more=True), Code.MALFORMED),
    "no items": (lambda page: page.pop("items"), Code.MALFORMED),
    "items that are none": (lambda page: page.update(items=7), Code.MALFORMED),
    "no checkpoint": (lambda page: page.pop("checkpoint"), Code.MALFORMED),
    "another checkpoint": (lambda page: page.update(checkpoint="x"), Code.MALFORMED),
}


@pytest.mark.parametrize("lie", PAGES)
def test_pages_that_are_none(liar: Member, second: Member, lie: str) -> None:
    change, code = PAGES[lie]
    second.link(liar).lie_in_page(change)
    assert second.refusal(liar).code is code
    assert second.received() == []


def test_the_same_page_again_and_again(liar: Member, second: Member) -> None:
    link, first = second.link(liar), list[dict[str, Any]]()

    def again(page: dict[str, Any]) -> None:
        first.append(dict(page))
        page.update(first[0], more=True)

    link.lie_in_page(again)
    assert second.refusal(liar).code is Code.CONFLICT
    assert len(link.asked) < 10
    assert len(second.received()) == RECORDS


def test_pages_that_never_end_end_the_round(
    liar: Member, second: Member, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A record a page, as long as the log has some: a round asks for so many pages and no more."""
    monkeypatch.setattr(rounds, "PAGES_AT_MOST", 5)
    link = second.link(liar)
    link.lie_in_page(lambda page: page.update(items=page["items"][:1], more=True))
    assert second.round(liar).pages == 5
    assert second.state(liar).done_at is None, "it is not up to date, and will be asked again"
    link.tell_the_truth()
    assert second.round(liar).new == RECORDS - 5


def test_an_answer_that_the_peer_did_not_sign(liar: Member, second: Member) -> None:
    second.link(liar).lie(
        "/v1/records?", lambda reply: setattr(reply, "body", reply.body + b" "), signed=False
    )
    assert second.refusal(liar).code is Code.BAD_SIGNATURE
    assert second.received() == []


# -- its log -------------------------------------------------------------------------------------------


def refused(second: Member, liar: Member, record: str) -> Code:
    """What a round ends in at a record that is in the liar's log; what stands before it is taken, and it is not."""
    code = second.refusal(liar).code
    held = second.records(ORDOS)
    assert len(held) == RECORDS
    assert record not in held
    assert second.records(YANAN) == []
    # The lie stands in the log for good: so does the refusal.
    assert second.refusal(liar).code is code
    assert len(second.received()) == RECORDS
    return code


@pytest.mark.parametrize("n", [1, RECORDS, RECORDS + 2, 10**14])
def test_a_stream_that_does_not_count_on(liar: Member, second: Member, n: int) -> None:
    record = liar.world.partner(YULIN).record()
    plant(liar.world, record, to={ORDOS: n})
    assert refused(second, liar, record) is Code.CONFLICT


def test_a_record_of_a_city_that_the_peer_does_not_host(
    nodes: Federation, liar: Member, second: Member
) -> None:
    record = nodes.members[2].world.partner(XINZHOU).record(to=(ORDOS,))
    plant(liar.world, record)
    assert refused(second, liar, record) is Code.NOT_ALLOWED


def test_a_record_of_the_asking_nodes_own_city(liar: Member, second: Member) -> None:
    record = second.world.partner(YANAN).record(to=(ORDOS,))
    plant(liar.world, record)
    assert refused(second, liar, record) is Code.NOT_ALLOWED


def test_a_record_without_an_agreement(liar: Member, second: Member) -> None:
    record = liar.world.partner(YULIN).record(agreement="none")
    plant(liar.world, record)
    assert refused(second, liar, record) is Code.NO_AGREEMENT


def test_a_record_above_its_agreements_marking(liar: Member, second: Member) -> None:
    record = liar.world.partner(YULIN).record(marking="red")
    plant(liar.world, record)
    assert refused(second, liar, record) is Code.NO_AGREEMENT


def test_a_record_that_its_schema_refuses(liar: Member, second: Member) -> None:
    record = liar.world.partner(YULIN).record(body={"identifier": "x"})
    plant(liar.world, record)
    assert refused(second, liar, record) is Code.INVALID


def test_a_record_for_none_of_the_asking_nodes_cities(liar: Member, second: Member) -> None:
    record = liar.world.partner(YULIN).record(to=(WUZHONG,))
    plant(liar.world, record, given=(ORDOS,))
    assert refused(second, liar, record) is Code.NOT_ALLOWED


@pytest.mark.parametrize(
    "said",
    [
        {"digest": "0" * 64},
        {"kind": "mediation_case"},
        {"marking": "clear"},
        {"revision": 2},
        {"sender": WUZHONG},
        {"id": "00000000-0000-5000-8000-000000000000"},
        {"to": {ORDOS: RECORDS + 1, YANAN: 1}},
    ],
    ids=str,
)
def test_an_entry_that_says_something_else_of_its_record(
    liar: Member, second: Member, said: dict[str, Any]
) -> None:
    record = liar.world.partner(YULIN).record()
    plant(liar.world, record, **said)
    assert refused(second, liar, record) is Code.CONFLICT


def test_an_entry_of_a_record_that_came_from_another_node(liar: Member, second: Member) -> None:
    record = liar.world.partner(YULIN).record()
    plant(liar.world, record, entries.received, via="140900.exchange", via_index=3)
    assert refused(second, liar, record) is Code.NOT_ALLOWED


def test_an_entry_of_a_deed_in_place_of_a_record(liar: Member, second: Member) -> None:
    record = liar.world.partner(YULIN).record()

    def served(*, at: str, **_: Any) -> bytes:
        return entries.served(at=at, by="k" * 43, request="0" * 64, indexes=[1])

    plant(liar.world, record, served)
    assert refused(second, liar, record) is Code.NOT_ALLOWED


def test_an_entry_that_is_none(liar: Member, second: Member) -> None:
    record = liar.world.partner(YULIN).record()
    plant(liar.world, record, lambda **_: b'{"type":"accepted"}')
    assert refused(second, liar, record) is Code.MALFORMED


@pytest.mark.parametrize(
    "moment",
    [
        "9999-12-31T23:59:59Z",
        "9999-12-31T23:59:59-23:59",
        "2099-01-01T00:00:00Z",
        "0001-01-01T00:00:00Z",
        "0001-01-01T00:00:00+23:59",
        "1999-12-31T23:59:59Z",
    ],
)
def test_an_entry_of_a_time_that_cannot_be(liar: Member, second: Member, moment: str) -> None:
    record = liar.world.partner(YULIN).record()
    plant(liar.world, record, at=moment)
    assert refused(second, liar, record) is Code.STALE


def test_an_entry_dated_back_before_its_key_was_revoked(
    nodes: Federation, liar: Member, second: Member
) -> None:
    yulin = liar.world.partner(YULIN)
    record = yulin.record()
    before = yulin.clock().isoformat(timespec="milliseconds")
    nodes.clock.advance(hours=2)
    marker = liar.world.partner(WUZHONG).record(to=(ORDOS,))
    liar.world.partner(WUZHONG).deliver(marker)

    def revoke(trust_list: dict[str, Any], _agreements: Any) -> None:
        for city in trust_list["cities"]:
            for key in city["keys"]:
                if key["kid"] == yulin.key.kid:
                    key["revoked_at"] = (nodes.clock() - timedelta(hours=1)).isoformat(timespec="seconds")

    change_trust(nodes.folder, revoke)
    look_for_trust(liar, second)
    plant(liar.world, record, at=before)
    assert second.refusal(liar).code is Code.UNKNOWN_KEY
    assert second.records(ORDOS)[-1] == marker
    assert record not in second.records(ORDOS)


@pytest.mark.parametrize("revision", [1, 2])
def test_a_record_that_does_not_fit_what_is_held_of_it(liar: Member, second: Member, revision: int) -> None:
    yulin = liar.world.partner(YULIN)
    assert second.round(liar).new == RECORDS
    held = second.received()[0]
    changed = {"id": held.id, "revision": revision, "previous": None if revision == 1 else "0" * 64}
    record = yulin.record(**changed)
    plant(liar.world, record)
    assert refused(second, liar, record) is (Code.CONFLICT if revision == 1 else Code.WRONG_REVISION)


# -- its trust -----------------------------------------------------------------------------------------


def test_expired_trust_takes_nothing_and_blames_nobody(
    nodes: Federation, liar: Member, second: Member
) -> None:
    nodes.clock.advance(days=400)
    problem = second.refusal(liar)
    assert problem.code is Code.BUSY
    assert "trust list has expired" in problem.detail
    assert second.link(liar).asked == []
    assert second.state(liar).failures == 0
    nodes.clock.advance(days=-400)


def test_a_trust_list_that_was_rolled_back_does_not_bring_back_a_city(
    nodes: Federation, liar: Member, second: Member
) -> None:
    """The repository lies with whoever serves it; what it once showed it cannot take back."""
    old = nodes.folder / "old-trust"
    shutil.copytree(nodes.folder / "trust", old)

    def revoke(trust_list: dict[str, Any], _agreements: Any) -> None:
        for city in trust_list["cities"]:
            for key in city["keys"]:
                if city["code"] == YULIN and key["use"] == "sign":
                    key["revoked_at"] = "2026-01-01T00:00:00+08:00"

    change_trust(nodes.folder, revoke)
    look_for_trust(second)
    shutil.rmtree(nodes.folder / "trust")
    shutil.copytree(old, nodes.folder / "trust", copy_function=shutil.copy)
    look_for_trust(second)
    assert second.world.node.trust.failure is not None
    assert second.refusal(liar).code is Code.UNKNOWN_KEY
    assert second.received() == []


def test_a_link_that_tells_the_truth_again_is_believed(liar: Member, second: Member) -> None:
    link: Link = second.link(liar)
    link.lie("/log/checkpoint", answer_with(b"?"), signed=False)
    for failures in range(1, 4):
        second.refusal(liar)
        assert second.state(liar).failures == failures
    link.tell_the_truth()
    assert second.round(liar).new == RECORDS
    assert second.state(liar).failures == 0
