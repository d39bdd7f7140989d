"""A database that fails at any step: what was acknowledged is there, what was not leaves at most an identical
retry, and the whole tree still verifies.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from faults import FaultyDatabase, Mode
from keeping import (
    KID,
    ORDOS,
    ORIGIN,
    XINZHOU,
    Letter,
    grow,
    new_claim,
    open_store,
    put,
    refused_line,
    routed_lines,
    sign,
    verify,
)

from hub.errors import Code, Problem
from hub.log.checkpoint import Checkpoint
from hub.store import Claim, Job, Store, Transaction


@pytest.fixture
def database(database_url: str) -> FaultyDatabase:
    return FaultyDatabase(database_url)


@pytest.fixture
def store(database: FaultyDatabase) -> Iterator[Store]:
    opened = Store(database, ORIGIN, sign)
    yield opened
    opened.close()


def whole_push(letters: list[Letter], claim: Claim) -> Job[list[tuple[str, int]]]:
    """A job that writes to every table that a push can write to."""

    def apply(transaction: Transaction) -> list[tuple[str, int]]:
        outcomes = [letter.put(transaction) for letter in letters]
        transaction.mark_fetched([ORDOS], [0], "t")
        transaction.acknowledge(letters[0].digest, ORDOS, "accepted", "t", outcomes[0][1])
        digest = bytes.fromhex(letters[0].digest)
        if not transaction.was_refused(KID, "invalid", digest):
            transaction.refuse(KID, "invalid", digest, transaction.append(refused_line()))
        if transaction.trust_version("trust-list.json") is None:
            transaction.trusted("trust-list.json", 1, digest, transaction.append(refused_line()))
        return outcomes

    return Job(apply, claim, [letter.id for letter in letters])


@pytest.mark.parametrize("mode", ["failed", "failed but persisted"])
def test_nothing_acknowledged_is_lost_whichever_step_fails(
    store: Store, database: FaultyDatabase, mode: Mode
) -> None:
    grow(store, routed_lines(1, 254))
    acknowledged: list[Letter] = [Letter([ORDOS], jws="first")]
    # The first letter's number must follow the stream that the lines above have begun.
    store.write(Job(lambda transaction: [transaction.next_numbers([ORDOS]) for _ in range(254)]))
    put(store, acknowledged[0])
    step, seen = 0, set[str]()
    while True:
        letters = [Letter([ORDOS, XINZHOU]), Letter([XINZHOU])]
        database.fail(step, mode)
        try:
            store.write(whole_push(letters, new_claim()))
        except Problem as problem:
            assert problem.code is Code.BUSY
            assert problem.retry_after is not None
        else:
            acknowledged += letters
        seen.update(database.steps)
        reached = database.failed
        database.fail(-1, mode)

        assert verify(store).size == store.head().size
        outcomes = store.write(whole_push(letters, new_claim())).result
        assert [status for status, _ in outcomes] in (["accepted"] * 2, ["duplicate"] * 2)
        acknowledged += [letter for letter in letters if letter not in acknowledged]
        for letter in acknowledged:
            assert [each.digest for each in store.revisions(letter.id, [letter.sender])] == [letter.digest]
        report = verify(store)
        assert report.streams[ORDOS] == 255 + (len(acknowledged) - 1) // 2
        assert report.streams[XINZHOU] == len(acknowledged) - 1
        if not reached:
            break
        step += 1
    tables = ("nonces", "records", "deliveries", "refusals", "trust_versions", "acknowledgements", "tiles")
    assert all(any(table in statement for statement in seen) for table in (*tables, "streams", "log_head"))
    assert "COMMIT" in seen


def test_a_commit_that_held_and_was_told_as_failed_gives_the_stored_outcome_on_retry(
    store: Store, database: FaultyDatabase
) -> None:
    letter = Letter()
    put(store, Letter())
    database.fail(-1, "failed")
    put(store, Letter())
    database.fail(database.steps.index("COMMIT"), "failed but persisted")
    with pytest.raises(Problem) as busy:
        put(store, letter)
    assert database.steps[-1] == "COMMIT"
    assert busy.value.code is Code.BUSY
    assert put(store, letter) == [("duplicate", 2)]


def test_a_signer_that_fails_leaves_no_trace(database_url: str) -> None:
    broken = False

    def sign_or_fail(checkpoint: Checkpoint) -> str:
        if broken:
            raise RuntimeError("the key is gone")
        return sign(checkpoint)

    database = FaultyDatabase(database_url)
    store = Store(database, ORIGIN, sign_or_fail)
    put(store, Letter())
    broken = True
    claim = new_claim()
    with pytest.raises(RuntimeError):
        store.write(Letter().job(claim))
    broken = False
    assert store.head().size == 1
    store.write(Letter().job(claim))
    assert verify(store).size == 2
    store.close()


def test_an_error_that_a_caller_sees_or_a_log_line_holds_never_quotes_a_record(
    store: Store,
    database: FaultyDatabase,
    caplog: pytest.LogCaptureFixture,
    capfd: pytest.CaptureFixture[str],
) -> None:
    caplog.set_level("DEBUG")
    letter = Letter(jws="SECRET-CONTENTS")
    put(store, letter)

    def occupy(transaction: Transaction) -> None:
        transaction._held.clear()
        transaction._held[letter.id] = {}
        letter.put(transaction)

    with pytest.raises(Problem) as refused:
        store.write(Job(occupy, None, [letter.id]))
    assert refused.value.code is Code.BUSY
    seen: BaseException | None = refused.value
    while seen is not None:
        assert "SECRET-CONTENTS" not in str(seen)
        seen = seen.__cause__ or seen.__context__
    assert "SECRET-CONTENTS" not in caplog.text + "".join(capfd.readouterr())
    assert store.head().size == 1


def test_a_commit_that_failed_does_not_keep_others_from_writing(
    store: Store, database: FaultyDatabase, database_url: str
) -> None:
    put(store, Letter())
    database.fail(-1, "failed")
    put(store, Letter())
    database.fail(database.steps.index("COMMIT"), "failed")
    with pytest.raises(Problem):
        put(store, Letter())
    other = open_store(database_url)
    assert put(other, Letter()) == [("accepted", 2)]
    other.close()
