"""Pages whose items are not what the log has: what stands before the lie is kept, and the truth is taken later."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from liars import FIRST, RECORDS
from neighbours import Member

from hub.errors import Code
from hub.federation import round as rounds

pytestmark = pytest.mark.usefixtures("others_do_not_suffer")


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
