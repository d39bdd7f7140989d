"""The memory of offices, on both engines: what a run is told afterwards is what it kept, whole or not at all."""

from __future__ import annotations

import uuid
from collections.abc import Iterator

import pytest

from hub.errors import Code, Problem
from hub.store.offices import Key, NewEntry, OfficeMemory, Planned, Reading, Settled, SinkState, UnitSeen

CITY, OTHER, SOURCE = "150600", "610800", "export"
FIRST, SECOND = Reading(CITY, SOURCE, "a.csv", 1), Reading(CITY, SOURCE, "a.csv", 2)
AT = "2026-11-21T08:30:00.000Z"
DIGEST = "ab" * 32


@pytest.fixture
def memory(database_url: str) -> Iterator[OfficeMemory]:
    opened = OfficeMemory.open(database_url)
    yield opened
    opened.close()


def key(number: int | str) -> Key:
    return Key("cases", str(number))


def planned(
    number: int | str, content: bytes = b"\1" * 32, jws: str = "a.b.c", title: str = "案件"
) -> Planned:
    record = str(uuid.uuid5(uuid.NAMESPACE_OID, ascii(number)))
    return Planned(key(number), record, "mediation_case", title, jws, content)


def sent(memory: OfficeMemory, reading: Reading, *numbers: int, content: bytes = b"\1" * 32) -> None:
    memory.rows.plan(reading, [planned(number, content) for number in numbers])
    memory.rows.settle(reading.city, [Settled(key(number), 1, DIGEST, content) for number in numbers])


def entry(content: int, number: str = "7", line: int = 2, reasons: str = "[]") -> NewEntry:
    return NewEntry(bytes([content]) * 32, "案件", number, None, line, reasons, "sealed")


def numbers(memory: OfficeMemory) -> list[int]:
    return [each.entry for each in memory.quarantine.listed(CITY)]


def test_what_waits_is_there_until_its_outcome_is_and_only_for_its_city(memory: OfficeMemory) -> None:
    memory.rows.plan(FIRST, [planned(1), planned(2)])
    assert sorted(row.key.number for row in memory.rows.waiting(CITY)) == ["1", "2"]
    assert memory.rows.waiting(OTHER) == []
    memory.rows.settle(CITY, [Settled(key(1), 1, DIGEST, b"\1" * 32), Settled(key(2))])
    assert memory.rows.waiting(CITY) == []
    seen = memory.rows.seen(CITY, [key(1), key(2), key(3)])
    assert (seen[key(1)].revision, seen[key(1)].digest, seen[key(1)].content) == (1, DIGEST, b"\1" * 32)
    assert (seen[key(2)].revision, seen[key(2)].digest, seen[key(2)].content) == (0, None, None)
    assert key(3) not in seen
    assert memory.rows.seen(OTHER, [key(1)]) == {}


def test_a_refused_revision_leaves_the_one_before_it(memory: OfficeMemory) -> None:
    sent(memory, FIRST, 1)
    memory.rows.plan(SECOND, [planned(1, b"\2" * 32, "next")])
    (waiting,) = memory.rows.waiting(CITY)
    assert (waiting.waiting, waiting.waiting_content, waiting.revision) == ("next", b"\2" * 32, 1)
    memory.rows.settle(CITY, [Settled(key(1))])
    row = memory.rows.seen(CITY, [key(1)])[key(1)]
    assert (row.revision, row.content, row.waiting) == (1, b"\1" * 32, None)


def test_a_thousand_rows_are_asked_for_and_planned_at_once(memory: OfficeMemory) -> None:
    many = [planned(number) for number in range(1_000)]
    memory.rows.plan(FIRST, many)
    memory.rows.plan(SECOND, many)
    assert len(memory.rows.seen(CITY, [each.key for each in many])) == 1_000
    assert len(memory.rows.waiting(CITY)) == 1_000


def test_a_plan_that_breaks_is_not_kept_in_part(memory: OfficeMemory) -> None:
    with pytest.raises(Problem) as raised:
        memory.rows.plan(FIRST, [planned(1), planned(2), planned(2)])
    assert raised.value.code is Code.BUSY
    assert memory.rows.waiting(CITY) == []


def test_missing_are_the_rows_of_the_table_that_stood_in_the_unit_and_were_sent(memory: OfficeMemory) -> None:
    sent(memory, FIRST, 1, 2, 3)
    memory.rows.plan(FIRST, [planned(4)])
    sent(memory, Reading(CITY, SOURCE, "b.csv", 1), 5)
    sent(memory, Reading(OTHER, SOURCE, "a.csv", 1), 6)
    memory.rows.met(SECOND, [(key(1), "案件")])
    assert sorted(row.key.number for row in memory.rows.missing(SECOND, "案件")) == ["2", "3"]
    assert memory.rows.missing(SECOND, "排查") == []
    memory.rows.settle(CITY, [Settled(key(2), 2, DIGEST, b"\1" * 32, withdrawn=True)])
    assert [row.key.number for row in memory.rows.missing(SECOND, "案件")] == ["3"]


def test_a_row_belongs_to_the_unit_that_it_was_met_in_last(memory: OfficeMemory) -> None:
    sent(memory, FIRST, 1)
    memory.rows.met(Reading(CITY, SOURCE, "b.csv", 2), [(key(1), "案件")])
    assert memory.rows.missing(Reading(CITY, SOURCE, "a.csv", 3), "案件") == []
    assert len(memory.rows.missing(Reading(CITY, SOURCE, "b.csv", 3), "案件")) == 1


def test_contents_are_forgotten_and_nothing_else_is(memory: OfficeMemory) -> None:
    sent(memory, FIRST, 1)
    memory.rows.plan(FIRST, [planned(2)])
    sent(memory, Reading(OTHER, SOURCE, "a.csv", 1), 3)
    memory.rows.forget_contents(CITY)
    seen = memory.rows.seen(CITY, [key(1), key(2)])
    assert (seen[key(1)].content, seen[key(1)].revision, seen[key(1)].digest) == (None, 1, DIGEST)
    assert (seen[key(2)].waiting, seen[key(2)].waiting_content) == ("a.b.c", None)
    assert memory.rows.seen(OTHER, [key(3)])[key(3)].content == b"\1" * 32


def test_a_record_is_found_again_by_its_id(memory: OfficeMemory) -> None:
    sent(memory, FIRST, 1)
    record = planned(1).record
    row = memory.rows.of_record(CITY, record)
    assert row is not None
    assert (row.key, row.record) == (key(1), record)
    assert memory.rows.of_record(OTHER, record) is None
    assert memory.rows.of_record(CITY, str(uuid.uuid4())) is None


def unit(name: str = "a.csv", stamp: str = "s", digest: bytes = b"\5" * 32) -> UnitSeen:
    return UnitSeen(name, stamp, digest, b"\6" * 32)


def test_a_unit_is_remembered_when_it_was_read_to_its_end(memory: OfficeMemory) -> None:
    assert memory.rows.unit(CITY, SOURCE, "a.csv") is None
    memory.rows.finish(FIRST, unit(), AT)
    memory.rows.restamp(CITY, SOURCE, unit(stamp="t"), AT)
    assert memory.rows.unit(CITY, SOURCE, "a.csv") == unit(stamp="t")
    assert memory.rows.units_like(CITY, SOURCE, b"\5" * 32) == [unit(stamp="t")]
    assert memory.rows.units_like(CITY, SOURCE, b"\7" * 32) == []
    assert memory.rows.unit(CITY, "other", "a.csv") is None


def test_a_renamed_unit_takes_rows_and_entries_along_even_over_what_is_there(memory: OfficeMemory) -> None:
    sent(memory, FIRST, 1)
    memory.quarantine.put(FIRST, [entry(1), entry(2)], AT)
    memory.rows.finish(FIRST, unit(), AT)
    before = numbers(memory)
    memory.quarantine.put(Reading(CITY, SOURCE, "b.csv", 2), [entry(1)], AT)
    memory.rows.rename_unit(CITY, SOURCE, "a.csv", unit("b.csv"), AT)
    assert memory.rows.unit(CITY, SOURCE, "a.csv") is None
    assert memory.rows.unit(CITY, SOURCE, "b.csv") == unit("b.csv")
    assert numbers(memory) == before
    assert {each.unit for each in memory.quarantine.listed()} == {"b.csv"}
    assert len(memory.rows.missing(Reading(CITY, SOURCE, "b.csv", 9), "案件")) == 1


def test_an_entry_met_again_keeps_its_number_and_its_row(memory: OfficeMemory) -> None:
    memory.quarantine.put(FIRST, [entry(1), entry(2), entry(1)], AT)
    first, second = memory.quarantine.listed()
    memory.quarantine.change(first.entry, "[1]", "mended by hand")
    memory.quarantine.put(SECOND, [entry(2, line=9), entry(1, line=8)], "2027-01-01T00:00:00.000Z")
    again, other = memory.quarantine.listed()
    assert (again.entry, again.line, again.kept, again.since) == (first.entry, 8, "mended by hand", AT)
    assert (other.entry, other.line) == (second.entry, 9)


def test_what_was_mended_is_known_and_no_longer_listed(memory: OfficeMemory) -> None:
    memory.quarantine.put(FIRST, [entry(1), entry(2)], AT)
    first, _ = numbers(memory)
    memory.quarantine.mended(first)
    assert memory.quarantine.known(FIRST, [bytes([each]) * 32 for each in (1, 2, 3)]) == {
        b"\1" * 32: True,
        b"\2" * 32: False,
    }
    assert memory.quarantine.entry(first) is None
    assert memory.quarantine.listed(OTHER) == []


def test_entries_that_a_whole_reading_did_not_meet_go(memory: OfficeMemory) -> None:
    memory.quarantine.put(FIRST, [entry(1), entry(2), entry(3)], AT)
    memory.quarantine.put(Reading(CITY, SOURCE, "b.csv", 1), [entry(4)], AT)
    first, second, _, other = numbers(memory)
    memory.quarantine.put(SECOND, [entry(1)], AT)
    memory.quarantine.meet(SECOND, [b"\2" * 32])
    memory.rows.finish(SECOND, unit(), AT)
    assert numbers(memory) == [first, second, other]


def test_a_number_is_not_given_again_when_its_row_is_gone(memory: OfficeMemory) -> None:
    memory.quarantine.put(FIRST, [entry(1), entry(2)], AT)
    first, second = numbers(memory)
    memory.quarantine.put(SECOND, [entry(1)], AT)
    memory.rows.finish(SECOND, unit(), AT)
    assert numbers(memory) == [first]
    memory.quarantine.put(SECOND, [entry(3)], AT)
    assert numbers(memory)[0] == first
    assert numbers(memory)[1] > second
    assert memory.quarantine.entry(second) is None


def test_a_sink_begins_at_the_beginning_and_goes_on_where_it_was(memory: OfficeMemory) -> None:
    assert memory.sinks.state(CITY, "arrivals") == SinkState(-1, None, {})
    memory.sinks.move(CITY, "arrivals", SinkState(-1, 7, {}))
    memory.sinks.move(CITY, "arrivals", SinkState(7, None, {"150600": 3}))
    assert memory.sinks.state(CITY, "arrivals") == SinkState(7, None, {"150600": 3})
    assert memory.sinks.state(OTHER, "arrivals").after == -1


def test_what_no_database_can_hold_is_one_of_our_problems(memory: OfficeMemory) -> None:
    with pytest.raises(Problem) as raised:
        memory.rows.plan(FIRST, [planned("half \ud800")])
    assert raised.value.code is Code.INVALID
    with pytest.raises(Problem) as raised:
        memory.rows.unit(CITY, SOURCE, "\udcff.csv")
    assert raised.value.code is Code.INVALID
    assert memory.rows.waiting(CITY) == []


def test_a_database_that_cannot_be_opened_is_told(tmp_path_factory: pytest.TempPathFactory) -> None:
    folder = tmp_path_factory.mktemp("no")
    with pytest.raises(Problem) as raised:
        OfficeMemory.open(f"sqlite:///{folder}/missing/office.db")
    assert raised.value.code is Code.NOT_FOUND
    with pytest.raises(Problem) as raised:
        OfficeMemory.open("mysql://x/y")
    assert raised.value.code is Code.INVALID
