"""A log that is checked range by range, in one process or several, is believed and refused the same."""

from __future__ import annotations

import pickle
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from hub.errors import Code, Problem
from hub.log import entry
from hub.log.ranges import RANGE_ENTRIES, check_range
from hub.log.reader import DirReader
from hub.log.tile import ENTRIES, Tile, decode_bundle, encode_bundle
from hub.log.verifier import LogReport, verify_log
from keys.suite import signing_key_from_raw

from .conftest import LogFolder, accepted_entry
from .dying import DyingReader

SIZE = 2 * RANGE_ENTRIES + 300
"""Three ranges, the last of which ends with a partial tile."""
CITIES = ("150600", "141100", "140900")
LATE = "640100"
"""A city whose stream begins in the last range."""
LATE_INDEX = 2 * RANGE_ENTRIES + 5


@pytest.fixture(scope="module")
def log(tmp_path_factory: pytest.TempPathFactory) -> LogFolder:
    """A log of three ranges; who changes it puts it back."""
    folder = LogFolder(tmp_path_factory.mktemp("log"), signing_key_from_raw(b"l" * 32))
    lines = [accepted_entry(n, to={CITIES[n % 3]: n // 3 + 1}) for n in range(SIZE)]
    lines[LATE_INDEX] = accepted_entry(LATE_INDEX, to={CITIES[LATE_INDEX % 3]: LATE_INDEX // 3 + 1, LATE: 1})
    folder.write(lines)
    return folder


def verified(log: LogFolder, processes: int) -> LogReport:
    return verify_log(DirReader(log.folder), log.verifier, processes=processes)


def refusal_of(log: LogFolder, processes: int) -> tuple[Code, str, str | None]:
    with pytest.raises(Problem) as refusal:
        verified(log, processes)
    return refusal.value.code, refusal.value.detail, refusal.value.where


Tampering = tuple[Tile, Callable[[bytes], bytes | None]]
"""A file of the log, and what becomes of it; None where it is deleted."""


@contextmanager
def tampered(log: LogFolder, *tamperings: Tampering) -> Iterator[None]:
    held = {tile: log.get(tile) for tile, _ in tamperings}
    changed: dict[Tile, bytes | None] = dict(held)
    for tile, change in tamperings:
        content = changed[tile]
        changed[tile] = None if content is None else change(content)
    try:
        for tile, content in changed.items():
            if content is None:
                (log.folder / tile.path).unlink()
            else:
                log.put(tile, content)
        yield
    finally:
        for tile, content in held.items():
            log.put(tile, content)


def tile_of(number: int, level: int = 0) -> Tile:
    return Tile(level, number, min(256, SIZE - number * 256))


def with_line(index: int, change: Callable[[bytes], bytes]) -> Tampering:
    """Change the entry at `index` in its bundle."""
    tile = tile_of(index // 256, ENTRIES)

    def changed(bundle: bytes) -> bytes:
        lines = decode_bundle(bundle, tile.width)
        lines[index % 256] = change(lines[index % 256])
        return encode_bundle(lines)

    return tile, changed


def skipped(index: int) -> Tampering:
    """The entry leaves a number out of each of its streams."""

    def skip(line: bytes) -> bytes:
        if line == b"{}":
            return line
        was = entry.decode(line)
        assert isinstance(was, entry.Routed)
        return accepted_entry(index, to={city: n + 1 for city, n in was.to.items()})

    return with_line(index, skip)


def broken(index: int) -> Tampering:
    return with_line(index, lambda _: b"{}")


def flipped(tile: Tile) -> Tampering:
    return tile, lambda content: content[:-1] + bytes([content[-1] ^ 1])


def missing(tile: Tile) -> Tampering:
    return tile, lambda _: None


def cut(tile: Tile) -> Tampering:
    return tile, lambda content: content[:-1]


EDGES = st.builds(lambda place, n: place * RANGE_ENTRIES + n, st.integers(0, 2), st.integers(0, 4))
"""Where streams are held against the range before."""
INDEXES = EDGES | st.just(LATE_INDEX) | st.integers(0, SIZE - 1)
NUMBERS = st.integers(0, (SIZE - 1) // 256)
UPPER = Tile(1, 0, SIZE // 256)
FILES = NUMBERS.map(tile_of) | NUMBERS.map(lambda number: tile_of(number, ENTRIES)) | st.just(UPPER)
TAMPERINGS = (
    INDEXES.map(skipped) | INDEXES.map(broken) | FILES.map(missing) | FILES.map(cut) | FILES.map(flipped)
)


def test_processes_report_what_one_reports(log: LogFolder) -> None:
    told: list[tuple[int, int]] = []
    report = verify_log(
        DirReader(log.folder),
        log.verifier,
        processes=2,
        progress=lambda done, all_: told.append((done, all_)),
    )
    assert report == verified(log, 1)
    assert (report.size, report.types) == (SIZE, {"accepted": SIZE})
    assert report.streams == dict(
        sorted({**{city: -(-(SIZE - n) // 3) for n, city in enumerate(CITIES)}, LATE: 1}.items())
    )
    assert told == [(RANGE_ENTRIES, SIZE), (2 * RANGE_ENTRIES, SIZE), (SIZE, SIZE)]


@settings(max_examples=6, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(tamperings=st.lists(TAMPERINGS, min_size=1, max_size=3, unique_by=lambda tampering: tampering[0]))
def test_processes_name_the_fault_that_one_names(log: LogFolder, tamperings: list[Tampering]) -> None:
    with tampered(log, *tamperings):
        assert refusal_of(log, 2) == refusal_of(log, 1)


@settings(max_examples=30, deadline=None)
@given(index=INDEXES)
def test_a_number_left_out_shows_wherever_ranges_begin(log: LogFolder, index: int) -> None:
    with tampered(log, skipped(index)):
        code, detail, _ = refusal_of(log, 1)
    city = CITIES[index % 3]
    wanted = index // 3 + 1
    assert (code, detail) == (
        Code.CONFLICT,
        f"entry {index}: the stream of {city} goes on with {wanted + 1} instead of {wanted}",
    )


@pytest.mark.parametrize("processes", [1, 2])
def test_of_two_faults_the_first_is_named(log: LogFolder, processes: int) -> None:
    """A stream that does not go on into a range comes before a broken entry later in it, and not otherwise."""
    begin = 2 * RANGE_ENTRIES
    with tampered(log, skipped(begin + 1), broken(begin + 257)):
        assert refusal_of(log, processes)[1].startswith(f"entry {begin + 1}: the stream of ")
    with tampered(log, broken(begin + 1), skipped(begin + 258)):
        assert refusal_of(log, processes)[1].startswith(f"entry {begin + 1}: ")
        assert refusal_of(log, processes)[0] is Code.MALFORMED
    with tampered(log, flipped(tile_of(64)), skipped(begin), flipped(UPPER)):
        assert refusal_of(log, processes)[1].startswith(tile_of(64).path)


def test_a_stream_that_begins_anew_in_a_later_range_is_refused(log: LogFolder) -> None:
    """Alone each range counts well; only together do they show that numbers come twice."""
    index = RANGE_ENTRIES
    anew = with_line(index, lambda _: accepted_entry(index, to={CITIES[index % 3]: 1}))
    with tampered(log, anew):
        found = check_range(DirReader(log.folder), index, SIZE)
        assert found.first[CITIES[index % 3]] == (1, index)
        assert f"entry {index}: the stream of {CITIES[index % 3]} goes on with 1 " in refusal_of(log, 1)[1]


def test_what_a_range_found_survives_the_way_from_another_process(log: LogFolder) -> None:
    with tampered(log, broken(3)):
        found = check_range(DirReader(log.folder), 0, SIZE)
    again = pickle.loads(pickle.dumps(found))
    assert isinstance(found.fault, Problem)
    assert vars(again.fault) == vars(found.fault)
    assert (again.types, again.first, again.last, again.roots) == (
        found.types,
        found.first,
        found.last,
        found.roots,
    )


def test_a_process_that_is_killed_is_a_problem_and_no_report(log: LogFolder) -> None:
    with pytest.raises(Problem) as refusal:
        verify_log(DyingReader(log.folder), log.verifier, processes=2)
    assert refusal.value.code is Code.INTERNAL
