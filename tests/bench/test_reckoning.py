"""The partition bench can fail: what is lost, doubled, refused and yet there, or out of place is found."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import orjson
import pytest

from bench.cities import Journal
from bench.reckoning import Finding, Reckoning

YULIN, ORDOS, WUZHONG = "610800", "150600", "640300"
FIRST, SECOND, BAD, ANSWER = "a1", "b2", "c3", "d4"


def written(path: Path, *, index: int = 7) -> Path:
    """Yulin sent one to Ordos and Wuzhong and one to Wuzhong, and something bad; Ordos acknowledged the first."""
    journal = Journal(path)
    for digest, to, good in (
        (FIRST, [ORDOS, WUZHONG], True),
        (SECOND, [WUZHONG], True),
        (BAD, [ORDOS], False),
    ):
        journal.note("made", digest=digest, sender=YULIN, to=to, good=good)
    journal.note("failed", doing="push", code="busy", detail="does not answer")
    journal.note("answered", digest=FIRST, status="accepted", index=3, code=None)
    journal.note("answered", digest=SECOND, status="accepted", index=7, code=None)
    journal.note("answered", digest=SECOND, status="duplicate", index=index, code=None)
    journal.note("answered", digest=BAD, status="refused", index=-1, code="no-agreement")
    journal.note("pulled", index=3, digest=FIRST, skipped=0)
    journal.note("acked", digest=ANSWER, index=9, sender=ORDOS, to=[YULIN], of=FIRST, outcome="accepted")
    journal.close()
    return path


@pytest.fixture
def reckoning(tmp_path: Path) -> Reckoning:
    return Reckoning.of([written(tmp_path / "journal.jsonl")])


def line(kind: str, digest: str) -> bytes:
    return orjson.dumps({"type": kind, "digest": digest})


def held(reckoning: Reckoning, city: str, found: list[str]) -> Finding:
    finding = Finding()
    finding.hold(city, reckoning.due(city), found, reckoning.refused)
    return finding


def test_the_journals_say_what_must_be_where(reckoning: Reckoning) -> None:
    assert (reckoning.wrongs, reckoning.unanswered, reckoning.skipped) == ([], set(), 0)
    assert reckoning.failures == {"push busy": 1}
    assert [reckoning.due(city) for city in (YULIN, ORDOS, WUZHONG)] == [{ANSWER}, {FIRST}, {FIRST, SECOND}]
    assert reckoning.logged([YULIN, WUZHONG]) == {FIRST: "accepted", SECOND: "accepted", ANSWER: "received"}
    assert reckoning.logged([ORDOS]) == {FIRST: "received", ANSWER: "accepted"}


def test_what_is_all_there_once_is_found_sound(reckoning: Reckoning) -> None:
    finding = held(reckoning, WUZHONG, [SECOND, FIRST])
    assert (finding.lost, finding.sound) == (set(), True)


@pytest.mark.parametrize(
    ("found", "lost", "wrong"),
    [
        ([FIRST], {(WUZHONG, SECOND)}, ""),
        ([FIRST, SECOND, FIRST], set(), "doubled"),
        ([FIRST, SECOND, BAD], set(), "refused"),
        ([FIRST, SECOND, "e5"], set(), "strange"),
        ([FIRST, SECOND, ANSWER], set(), "strange"),
    ],
    ids=["lost", "doubled", "refused", "never sent", "another city's"],
)
def test_what_is_not_as_it_must_be_is_found(
    reckoning: Reckoning, found: list[str], lost: set[tuple[str, str]], wrong: str
) -> None:
    finding = held(reckoning, WUZHONG, found)
    assert (finding.lost, finding.sound) == (lost, not wrong)
    if wrong:
        assert len(getattr(finding, wrong)) == 1


@pytest.mark.parametrize(
    ("lines", "lost", "sound"),
    [
        ([line("received", FIRST), line("served", "x"), line("accepted", ANSWER)], 0, True),
        ([line("accepted", ANSWER)], 1, True),
        ([line("received", FIRST), line("received", FIRST), line("accepted", ANSWER)], 0, False),
        ([line("accepted", FIRST), line("accepted", ANSWER)], 1, False),
        ([line("received", FIRST), line("received", SECOND), line("accepted", ANSWER)], 0, False),
    ],
    ids=["as it must be", "lost", "twice", "as another type", "of no city of it"],
)
def test_a_log_holds_each_record_once_as_what_it_was_there(
    reckoning: Reckoning, lines: list[bytes], lost: int, sound: bool
) -> None:
    finding = Finding()
    finding.hold_log("node", reckoning.logged([ORDOS]), dict(enumerate(lines)), reckoning.refused)
    assert (len(finding.lost), finding.sound) == (lost, sound)


def test_a_record_that_is_acknowledged_at_two_places_is_a_wrong(tmp_path: Path) -> None:
    (wrong,) = Reckoning.of([written(tmp_path / "journal.jsonl", index=8)]).wrongs
    assert wrong == f"{SECOND} was acknowledged at 7, and then at 8"


def noted(tmp_path: Path, note: Callable[[Journal], None]) -> Reckoning:
    journal = Journal(written(tmp_path / "journal.jsonl"))
    note(journal)
    journal.close()
    return Reckoning.of([tmp_path / "journal.jsonl"])


def test_an_answer_that_should_have_been_another_is_a_wrong(tmp_path: Path) -> None:
    def note(journal: Journal) -> None:
        journal.note("answered", digest=BAD, status="accepted", index=11, code=None)
        journal.note("answered", digest=FIRST, status="refused", index=-1, code="conflict")
        journal.note("failed", doing="pull", code="bad-signature", detail="of another")
        journal.note("failed", doing="pull", code="busy", detail="does not answer")

    assert len(noted(tmp_path, note).wrongs) == 3


def test_a_record_without_an_answer_and_a_number_left_out_are_told(tmp_path: Path) -> None:
    def note(journal: Journal) -> None:
        journal.note("made", digest="f6", sender=YULIN, to=[ORDOS], good=True)
        journal.note("pulled", index=12, digest=SECOND, skipped=2)

    reckoning = noted(tmp_path, note)
    assert (reckoning.unanswered, reckoning.skipped) == ({"f6"}, 2)
