"""Records, streams, pages and deliveries: what is put in comes out, in order, once, to whom it is for."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from keeping import KID, NOW, ORDOS, WUZHONG, XINZHOU, Letter, new_claim, put, refused_line, verify

from hub.clock import rfc3339
from hub.errors import Code, Problem
from hub.log import entry as entries
from hub.store import Job, Selection, Store, Transaction
from schemas.limits import PAGE_BYTES


def indexes(store: Store, *cities: str, after: int = -1, limit: int = 1000, **filters: str) -> list[int]:
    page = store.page(Selection(frozenset(cities), after, limit, **filters))
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
    held = store.revisions(first.id)
    assert [(each.revision, each.index, each.digest, each.jws) for each in held] == [
        (1, 0, first.digest, first.jws),
        (2, 2, second.digest, second.jws),
    ]
    assert [entries.decode(each.entry.encode()).digest for each in held] == [first.digest, second.digest]  # type: ignore[attr-defined]
    assert store.revisions(Letter().id) == []


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
    page = store.page(Selection(frozenset({ORDOS})))
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
        page = store.page(Selection(cities, seen[-1] if seen else -1, limit=7))
        seen += [item.index for item in page.items]
        more = page.more
    assert seen == [n for n in range(100) if n % 3 != 1]


def test_a_full_page_says_more_only_where_there_is_more(store: Store) -> None:
    put(store, *(Letter() for _ in range(4)))
    assert store.page(Selection(frozenset({ORDOS}), limit=3)).more
    assert not store.page(Selection(frozenset({ORDOS}), limit=4)).more


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
    page = store.page(Selection(frozenset({ORDOS})))
    assert page.more
    assert [item.index for item in page.items] == list(range(16))
    rest = store.page(Selection(frozenset({ORDOS}), after=15))
    assert [item.index for item in rest.items] == [16, 17]
    assert not rest.more


def test_one_record_larger_than_a_page_still_comes(store: Store) -> None:
    put(store, Letter(jws="x" * (PAGE_BYTES + 1)), Letter())
    page = store.page(Selection(frozenset({ORDOS})))
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
    store.write(Job(lambda transaction: transaction.erase(1, [ORDOS, XINZHOU])))
    assert [each.jws for each in store.revisions(letters[1].id)] == [None]
    assert indexes(store, ORDOS) == indexes(store, XINZHOU) == [0, 2]
    assert store.lines(0, 3) == before
    assert verify(store).streams == {ORDOS: 3, XINZHOU: 3}
    assert put(store, letters[1]) == [("duplicate", 1)]


def test_what_is_due_comes_with_the_oldest_first(store: Store) -> None:
    days = [3, 1, 2, 9]
    put(store, *(Letter(forget_at=rfc3339(NOW + timedelta(days=day))) for day in days), Letter())

    def due(day: int, limit: int = 10) -> list[int]:
        moment = rfc3339(NOW + timedelta(days=day))
        return [index for index, _ in store.write(Job(lambda tx: tx.due(moment, limit))).result]

    assert due(0) == []
    assert due(3) == [1, 2, 0]
    assert due(3, limit=2) == [1, 2]
    store.write(Job(lambda transaction: transaction.erase(1, [ORDOS])))
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
