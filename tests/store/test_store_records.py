"""Records, streams, pages and deliveries: what is put in comes out, in order, once, to whom it is for."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from keeping import (
    AT,
    KID,
    NOW,
    ORDOS,
    SENDER,
    WUZHONG,
    XINZHOU,
    Letter,
    new_claim,
    put,
    refused_line,
    verify,
)
from sqlalchemy import event

from hub.clock import rfc3339
from hub.errors import Code, Problem
from hub.log import entry as entries
from hub.store import Job, Selection, Store, Transaction
from schemas.limits import PAGE_BYTES


def indexes(store: Store, *cities: str, after: int = -1, limit: int = 1000, **filters: str) -> list[int]:
    page = store.page(Selection(frozenset(cities), after, limit, **filters), AT)
    return [item.index for item in page.items]


def test_what_was_stored_is_a_duplicate_the_second_time_and_other_bytes_are_a_conflict(store: Store) -> None:
    letter = Letter()
    assert put(store, letter) == [("accepted", 0)]
    assert put(store, letter, letter) == [("duplicate", 0), ("duplicate", 0)]
    assert put(store, Letter(id=letter.id)) == [("conflict", 0)]
    assert store.head().size == 1


def test_a_record_that_stands_twice_in_one_push_is_stored_once(store: Store) -> None:
    letter = Letter()
    assert put(store, letter, letter, Letter(id=letter.id)) == [
        ("accepted", 0),
        ("duplicate", 0),
        ("conflict", 0),
    ]


def test_revisions_come_in_order_with_their_entries(store: Store) -> None:
    first = Letter()
    second = Letter(id=first.id, revision=2)
    put(store, first)
    put(store, Letter(), second)
    held = store.revisions(first.id, [SENDER])
    assert [(each.revision, each.index, each.digest) for each in held] == [
        (1, 0, first.digest),
        (2, 2, second.digest),
    ]
    assert store.contents([0, 2], AT) == {0: first.jws, 2: second.jws}
    assert [entries.decode(each.entry.encode()).digest for each in held] == [first.digest, second.digest]  # type: ignore[attr-defined]
    assert store.revisions(Letter().id, [SENDER]) == []


def test_every_recipient_has_a_stream_that_counts_by_itself(store: Store) -> None:
    put(store, Letter([ORDOS]), Letter([ORDOS, XINZHOU]))
    put(store, Letter([XINZHOU, WUZHONG]), Letter([ORDOS]))
    lines = [entries.decode(line) for line in store.lines(0, 4)]
    assert [line.to for line in lines if isinstance(line, entries.Routed)] == [
        {ORDOS: 1},
        {ORDOS: 2, XINZHOU: 1},
        {XINZHOU: 2, WUZHONG: 1},
        {ORDOS: 3},
    ]
    assert verify(store).streams == {ORDOS: 3, XINZHOU: 2, WUZHONG: 1}


def test_a_page_holds_what_is_for_the_city_and_nothing_else(store: Store) -> None:
    letters = [Letter([ORDOS]), Letter([XINZHOU]), Letter([ORDOS, XINZHOU]), Letter([WUZHONG])]
    put(store, *letters)
    assert indexes(store, ORDOS) == [0, 2]
    assert indexes(store, WUZHONG) == [3]
    assert indexes(store, "610800") == []
    page = store.page(Selection(frozenset({ORDOS})), AT)
    assert [item.jws for item in page.items] == [letters[0].jws, letters[2].jws]
    assert [item.entry.encode() for item in page.items] == [store.lines(n, n + 1)[0] for n in (0, 2)]
    assert not page.more


def test_a_record_for_two_of_the_callers_cities_comes_once(store: Store) -> None:
    put(store, *(Letter([ORDOS, XINZHOU]) for _ in range(5)), Letter([XINZHOU]), Letter([ORDOS]))
    assert indexes(store, ORDOS, XINZHOU, WUZHONG) == list(range(7))
    assert indexes(store, ORDOS, XINZHOU, limit=3) == [0, 1, 2]
    assert indexes(store, ORDOS, XINZHOU, after=2, limit=3) == [3, 4, 5]
    assert indexes(store, ORDOS, XINZHOU, after=5, limit=3) == [6]


def test_pages_one_after_the_other_give_everything_once(store: Store) -> None:
    put(store, *(Letter([(ORDOS, XINZHOU, WUZHONG)[n % 3]]) for n in range(100)))
    cities = frozenset({ORDOS, WUZHONG})
    seen: list[int] = []
    more = True
    while more:
        page = store.page(Selection(cities, seen[-1] if seen else -1, limit=7), AT)
        seen += [item.index for item in page.items]
        more = page.more
    assert seen == [n for n in range(100) if n % 3 != 1]


def test_a_full_page_says_more_only_where_there_is_more(store: Store) -> None:
    put(store, *(Letter() for _ in range(4)))
    assert store.page(Selection(frozenset({ORDOS}), limit=3), AT).more
    assert not store.page(Selection(frozenset({ORDOS}), limit=4), AT).more


def test_filters_narrow_a_page(store: Store) -> None:
    put(
        store,
        Letter(kind="alert"),
        Letter(kind="mediation_case", marking="green"),
        Letter(kind="alert", sender=XINZHOU),
        Letter(kind="alert", marking="clear"),
    )
    assert indexes(store, ORDOS, kind="alert") == [0, 2, 3]
    assert indexes(store, ORDOS, kind="alert", sender="610800") == [0, 3]
    assert indexes(store, ORDOS, marking="green") == [1]
    assert indexes(store, ORDOS, kind="risk_notice") == []


def test_a_page_ends_before_it_grows_past_the_limit_of_bytes_and_one_record_always_fits(
    store: Store,
) -> None:
    million = PAGE_BYTES // 16
    put(store, *(Letter(jws=f"{n:02}" * (million // 2 - 200)) for n in range(18)))
    page = store.page(Selection(frozenset({ORDOS})), AT)
    assert page.more
    assert [item.index for item in page.items] == list(range(16))
    rest = store.page(Selection(frozenset({ORDOS}), after=15), AT)
    assert [item.index for item in rest.items] == [16, 17]
    assert not rest.more


def test_one_record_larger_than_a_page_still_comes(store: Store) -> None:
    put(store, Letter(jws="x" * (PAGE_BYTES + 1)), Letter())
    page = store.page(Selection(frozenset({ORDOS})), AT)
    assert ([item.index for item in page.items], page.more) == ([0], True)


def test_a_delivery_is_pending_then_fetched_then_acknowledged(store: Store) -> None:
    letter = Letter([ORDOS, XINZHOU])
    put(store, letter)

    def progress() -> list[tuple[str, str | None, str | None, str | None]]:
        found = store.delivery(0, letter.digest, [ORDOS, XINZHOU])
        return [(each.city, each.fetched_at, each.outcome, each.acknowledged_at) for each in found]

    assert progress() == [(XINZHOU, None, None, None), (ORDOS, None, None, None)]
    store.write(Job(lambda transaction: transaction.mark_fetched([ORDOS], [0], "2026-11-21T08:31:00.000Z")))
    store.write(Job(lambda transaction: transaction.mark_fetched([ORDOS], [0], "2026-11-21T09:00:00.000Z")))
    assert progress()[1] == (ORDOS, "2026-11-21T08:31:00.000Z", None, None)
    store.write(Job(lambda transaction: transaction.acknowledge(letter.digest, ORDOS, "received", "s", 1)))
    store.write(Job(lambda transaction: transaction.acknowledge(letter.digest, ORDOS, "accepted", "t", 2)))
    assert progress()[1] == (ORDOS, "2026-11-21T08:31:00.000Z", "accepted", "t")
    assert progress()[0] == (XINZHOU, None, None, None)


def test_what_is_put_and_fetched_in_one_commit_is_fetched(store: Store) -> None:
    letter = Letter([ORDOS, XINZHOU])

    def apply(transaction: Transaction) -> None:
        _, index = letter.put(transaction)
        transaction.mark_fetched([ORDOS], [index], "t")

    store.write(Job(apply, None, [letter.id]))
    assert [each.fetched_at for each in store.delivery(0, letter.digest, [ORDOS, XINZHOU])] == [None, "t"]


def test_an_erased_record_is_gone_and_its_proofs_hold(store: Store) -> None:
    letters = [Letter([ORDOS, XINZHOU]) for _ in range(3)]
    put(store, *letters)
    before = store.lines(0, 3)
    store.write(Job(lambda transaction: transaction.erase(1)))
    assert [each.index for each in store.revisions(letters[1].id, [ORDOS])] == [1]
    assert store.contents([0, 1], AT) == {0: letters[0].jws, 1: None}
    assert indexes(store, ORDOS) == indexes(store, XINZHOU) == [0, 2]
    assert store.lines(0, 3) == before
    assert verify(store).streams == {ORDOS: 3, XINZHOU: 3}
    assert put(store, letters[1]) == [("duplicate", 1)]


def test_an_erased_record_keeps_how_far_it_got(store: Store) -> None:
    letter = Letter([ORDOS, XINZHOU])
    put(store, letter)
    store.write(Job(lambda transaction: transaction.mark_fetched([ORDOS], [0], "t")))
    store.write(Job(lambda transaction: transaction.acknowledge(letter.digest, ORDOS, "accepted", "u", 1)))
    before = store.delivery(0, letter.digest, [ORDOS, XINZHOU])
    store.write(Job(lambda transaction: transaction.erase(0)))
    assert store.delivery(0, letter.digest, [ORDOS, XINZHOU]) == before
    assert [(each.fetched_at, each.outcome) for each in before] == [(None, None), ("t", "accepted")]


def test_what_is_due_is_not_given_though_nobody_has_erased_it(store: Store) -> None:
    moments = [rfc3339(NOW + timedelta(seconds=offset)) for offset in (-1, 0, 1)]
    letters = [Letter(forget_at=moment) for moment in (*moments, None)]
    put(store, *letters)
    assert indexes(store, ORDOS) == [2, 3]
    assert store.contents(range(4), AT) == {0: None, 1: None, 2: letters[2].jws, 3: letters[3].jws}


@pytest.mark.parametrize("limit", [1, 3, 1000])
def test_pages_pass_over_what_is_gone_and_are_empty_only_at_the_end(store: Store, limit: int) -> None:
    gone = {*range(40), 41, *range(50, 60)}
    put(store, *(Letter(forget_at=AT if n % 2 else None) if n in gone else Letter() for n in range(60)))
    store.write(Job(lambda transaction: [transaction.erase(n) for n in gone if n % 2 == 0]))
    seen: list[int] = []
    more = True
    while more:
        page = store.page(Selection(frozenset({ORDOS}), seen[-1] if seen else -1, limit), AT)
        assert page.items or not page.more
        seen += [item.index for item in page.items]
        more = page.more
    assert seen == [40, *range(42, 50)]


def test_a_short_page_steps_over_a_long_past_in_few_queries(store: Store) -> None:
    """Else one partner's pulls of one record each would keep the node busy with what is forgotten."""
    for _ in range(3):
        put(store, *(Letter(forget_at=AT) for _ in range(1000)))
    put(store, Letter(), Letter())
    asked: list[object] = []
    event.listen(store._database.reader, "before_cursor_execute", lambda *_: asked.append(1))
    assert indexes(store, ORDOS, limit=1) == [3000]
    assert len(asked) < 10


def test_who_is_neither_sender_nor_recipient_is_given_nothing_by_the_database(store: Store) -> None:
    letter = Letter([ORDOS, XINZHOU])
    put(store, letter)
    put(store, Letter([WUZHONG], id=letter.id, sender=XINZHOU))

    def seen(*cities: str) -> list[int]:
        return [each.index for each in store.revisions(letter.id, cities)]

    assert [seen(city) for city in (SENDER, ORDOS, XINZHOU, WUZHONG, "640100")] == [[0], [0], [0, 1], [1], []]
    assert seen(ORDOS, WUZHONG) == [0, 1]
    assert seen() == []


def test_contents_end_before_they_grow_past_the_limit_of_bytes_and_one_always_fits(store: Store) -> None:
    put(
        store,
        *(Letter(jws=f"{n}" * (PAGE_BYTES // 3 + 1)) for n in range(4)),
        Letter(jws="5" * (PAGE_BYTES + 1)),
    )
    assert list(store.contents(range(5), AT)) == [0, 1]
    assert list(store.contents([4], AT)) == [4]
    assert store.contents([], AT) == {}
    store.write(Job(lambda transaction: [transaction.erase(n) for n in (0, 1, 2)]))
    assert list(store.contents(range(5), AT)) == [0, 1, 2, 3], "what is erased weighs nothing"


def test_what_is_due_comes_with_the_oldest_first(store: Store) -> None:
    days = [3, 1, 2, 9]
    put(store, *(Letter(forget_at=rfc3339(NOW + timedelta(days=day))) for day in days), Letter())

    def due(day: int, limit: int = 10) -> list[int]:
        moment = rfc3339(NOW + timedelta(days=day))
        return [index for index, _ in store.write(Job(lambda tx: tx.due(moment, limit))).result]

    assert due(0) == []
    assert due(3) == [1, 2, 0]
    assert due(3, limit=2) == [1, 2]
    store.write(Job(lambda transaction: transaction.erase(1)))
    assert due(3) == [2, 0]


def test_a_nonce_is_good_once_in_this_commit_and_in_every_later_one(store: Store) -> None:
    claim = new_claim()
    letter = Letter()
    store.write(letter.job(claim))
    again: list[Job[Any]] = [letter.job(claim), Letter().job(claim), Job(lambda _: None, claim)]
    for job in again:
        with pytest.raises(Problem) as refused:
            store.write(job)
        assert refused.value.code is Code.REPLAYED
    assert store.head().size == 1
    store.write(Letter().job(new_claim()))


def test_nonces_are_forgotten_once_the_clock_rule_refuses_them(store: Store) -> None:
    short, long = new_claim(NOW + timedelta(seconds=1)), new_claim(NOW + timedelta(minutes=10))
    for claim in (short, long):
        store.write(Job(lambda _: None, claim))
    prune = Job(lambda transaction: transaction.prune_nonces(NOW + timedelta(seconds=2)))
    assert store.write(prune).result == 1
    assert store.write(prune).result == 0
    store.write(Job(lambda _: None, short))


def test_what_was_refused_is_remembered(store: Store) -> None:
    digest = bytes(32)

    def refuse(transaction: Transaction) -> bool:
        if transaction.was_refused(KID, "invalid", digest):
            return False
        transaction.refuse(KID, "invalid", digest, transaction.append(refused_line()))
        return not transaction.was_refused(KID, "stale", digest) and transaction.was_refused(
            KID, "invalid", digest
        )

    assert store.write(Job(refuse)).result is True
    assert store.write(Job(refuse)).result is False
    assert store.head().size == 1


def test_the_newest_trust_version_is_remembered(store: Store) -> None:
    def note(version: int) -> None:
        store.write(
            Job(lambda transaction: transaction.trusted("trust-list.json", version, bytes(32), version))
        )

    def newest() -> tuple[int, bytes] | None:
        return store.write(Job(lambda transaction: transaction.trust_version("trust-list.json"))).result

    assert newest() is None
    note(1)
    note(2)
    assert newest() == (2, bytes(32))
