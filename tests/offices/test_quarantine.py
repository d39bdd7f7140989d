"""What was not sent waits sealed, under a number that stays, until it is mended, let go, or set aside."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import pytest
import structlog
from partner import open_world
from town import YANAN, YULIN, Desk, Town, a_town, a_town_lab, case, served

from hub.errors import Code, Problem
from hub.lab.building import Lab
from hub.offices import intake
from hub.offices.quarantine import Quarantine, Released
from keys.files import write_private
from keys.suite import generate_unseal

__all__ = ["a_town", "a_town_lab"]

SECRETS = ("张某甲", "13900000077", "围栏外三十米", "外星人", "2月30日")
BAD = case("2", 申请人="张某甲", 摘要="围栏外三十米，电话13900000077", 状态="外星人", 受理="2月30日")


@pytest.fixture
def desk(town: Town) -> Desk:
    return town.desk()


@contextmanager
def quarantine(desk: Desk) -> Iterator[Quarantine]:
    with desk.opened() as office:
        yield Quarantine(office)


def only(desk: Desk) -> int:
    """The number of the one entry."""
    (entry,) = desk.entries()
    return entry.entry


def fix(desk: Desk, **cells: str) -> Released:
    number = only(desk)
    with quarantine(desk) as at:
        return at.fix(number, cells)


def release(desk: Desk) -> Released:
    number = only(desk)
    with quarantine(desk) as at:
        return at.release(number)


# -- what is kept ------------------------------------------------------------------------------------


def test_no_value_of_a_row_stands_open_in_the_database_the_log_or_an_error(desk: Desk) -> None:
    desk.lay([case("1"), BAD])
    with structlog.testing.capture_logs() as logs:
        desk.take()
    assert logs
    released = fix(desk, 状态="火星人张某甲")
    stored = b"".join(path.read_bytes() for path in desk.folder.glob("office.db*"))
    with closing(sqlite3.connect(desk.database)) as database:
        dumped = "\n".join(database.iterdump())
    for secret in (*SECRETS, "火星人"):
        assert secret.encode() not in stored
        assert secret not in dumped
        assert secret not in repr(logs)
        assert secret not in repr(released)
        assert secret not in repr(desk.entries())


def test_the_row_opens_whole_with_the_citys_key(desk: Desk) -> None:
    desk.lay([BAD])
    desk.take()
    number = only(desk)
    with quarantine(desk) as at:
        opened = at.show(number)
    assert opened.row == BAD
    assert {why.field for why in opened.why} == {"状态", "受理"}
    assert {why.shape for why in opened.why} == {"字字字", "9字99字"}


def test_another_key_is_refused_by_name_and_nothing_is_lost(desk: Desk, tmp_path: Path) -> None:
    desk.lay([BAD])
    desk.take()
    right = desk.members["seal_key"]
    write_private(tmp_path / "other.pem", generate_unseal(), None)
    desk.set({"seal_key": f'"{tmp_path}/other.pem"'})
    number = only(desk)
    for work in (
        lambda at: at.show(number), lambda at: at.fix(number, {"状态": "调解"}), lambda at: at.release(number),
    ):  # fmt: skip
        with quarantine(desk) as at, pytest.raises(Problem) as raised:
            work(at)
        assert raised.value.code is Code.NOT_ALLOWED
        assert not any(secret in str(raised.value) for secret in SECRETS)
    desk.set({"seal_key": right})
    assert fix(desk, 状态="调解", 受理="2026-11-02 09:00").status == "new"


def test_the_row_of_another_city_is_not_there(town: Town, desk: Desk) -> None:
    desk.lay([BAD])
    desk.take()
    other = town.desk(YULIN)
    other.members["dialect"] = f'"{other.dialect}"'
    other.set()
    other.config.write_text(
        other.config.read_text(encoding="utf-8").replace("sqlite:///office.db", f"sqlite:///{desk.database}"),
        encoding="utf-8",
    )
    with other.opened() as office, pytest.raises(Problem) as raised:
        Quarantine(office).show(only(desk))
    assert raised.value.code is Code.NOT_FOUND


# -- mended here -------------------------------------------------------------------------------------


def test_a_good_value_sends_the_row_and_its_source_is_not_asked_about_again(desk: Desk, town: Town) -> None:
    desk.lay([case("1"), BAD])
    desk.take()
    assert fix(desk, 状态="调解", 受理="2026-11-02 09:00").status == "new"
    assert desk.entries() == []
    report = desk.take_one(again=True)
    assert (report.mended_before, report.quarantined, report.new, report.revised) == (1, 0, 0, 0)
    assert desk.counts("1", "2") == [1, 1]
    with closing(sqlite3.connect(desk.database)) as database:
        assert database.execute("SELECT kept, reasons FROM office_quarantine").fetchall() == [(None, "[]")]


def test_a_bad_value_is_kept_with_what_is_wrong_and_the_rest_of_the_change_stays(desk: Desk) -> None:
    desk.lay([BAD])
    desk.take()
    released = fix(desk, 受理="2026-11-02 09:00", 状态="火星人")
    assert (released.status, [why.field for why in released.why]) == (None, ["状态"])
    assert desk.counts("2") == [0]
    desk.take_one(again=True)
    with quarantine(desk) as at:
        opened = at.show(released.entry)
    assert opened.row is not None
    assert (opened.row["受理"], opened.row["状态"]) == ("2026-11-02 09:00", "火星人")
    assert [why.field for why in opened.why] == ["状态"], "what is told is wrong in the row that is shown"
    assert fix(desk, 状态="达成").status == "new"


@pytest.mark.parametrize(
    ("column", "value", "code"),
    [("没有", "1", Code.INVALID), ("", "1", Code.INVALID), ("摘要", "长" * 70_000, Code.TOO_LARGE)],
)
def test_a_fix_that_is_none_changes_nothing(desk: Desk, column: str, value: str, code: Code) -> None:
    desk.lay([BAD])
    desk.take()
    with pytest.raises(Problem) as raised:
        fix(desk, **{column: value})
    assert raised.value.code is code
    assert not any(secret in str(raised.value) for secret in SECRETS)
    number = only(desk)
    with quarantine(desk) as at:
        assert at.show(number).row == BAD


def test_a_fix_with_half_a_character_is_refused_and_the_row_kept(desk: Desk) -> None:
    desk.lay([BAD])
    desk.take()
    with pytest.raises(Problem):
        fix(desk, 摘要="\udcff")
    number = only(desk)
    with quarantine(desk) as at:
        assert at.show(number).row == BAD


def test_what_was_set_aside_comes_back_only_when_its_row_changes(desk: Desk) -> None:
    desk.lay([BAD])
    desk.take()
    number = only(desk)
    with quarantine(desk) as at:
        at.dismiss(number)
    assert desk.take_one(again=True).mended_before == 1
    assert desk.entries() == []
    desk.lay([{**BAD, "金额": "5"}])
    assert desk.take_one().quarantined == 1
    assert only(desk) != number
    with quarantine(desk) as at, pytest.raises(Problem) as raised:
        at.show(number)
    assert raised.value.code is Code.NOT_FOUND


def test_a_corrected_source_closes_its_entries_and_what_was_fixed_stays_fixed(desk: Desk) -> None:
    desk.lay([BAD, {**BAD, "编号": "3"}])
    desk.take()
    first, _ = desk.entries()
    with quarantine(desk) as at:
        at.fix(first.entry, {"状态": "调解", "受理": "2026-11-02 09:00"})
    good = {**BAD, "状态": "调解", "受理": "2026-11-02 09:00"}
    desk.lay([good, {**good, "编号": "3"}])
    report = desk.take_one()
    assert (report.unchanged, report.new, report.quarantined) == (1, 1, 0)
    assert desk.entries() == []
    assert desk.counts("2", "3") == [1, 1]


def test_numbers_stay_while_files_are_read_again_and_grow(desk: Desk) -> None:
    bad = [{**BAD, "编号": str(number)} for number in range(4)]
    desk.lay(bad)
    desk.take()
    before = {entry.number: (entry.entry, entry.since) for entry in desk.entries()}
    desk.take_one(again=True)
    desk.lay([case("new"), *reversed(bad)])
    desk.take()
    after = {entry.number: (entry.entry, entry.since) for entry in desk.entries()}
    assert after == before
    assert [entry.line for entry in desk.entries()] == [6, 5, 4, 3]
    words = desk.dialect.read_text(encoding="utf-8")
    desk.dialect.write_text(words + "# read again\n", encoding="utf-8")
    desk.take()
    assert {entry.number: (entry.entry, entry.since) for entry in desk.entries()} == before


def test_two_rows_that_are_alike_in_two_files_are_two_entries(desk: Desk) -> None:
    desk.lay([BAD], "a.csv")
    desk.lay([BAD], "b.csv")
    desk.take()
    assert len(desk.entries()) == 2
    with quarantine(desk) as at:
        for entry in desk.entries():
            at.fix(entry.entry, {"状态": "调解", "受理": "2026-11-02 09:00"})
    assert desk.counts("2") == [1]


def test_a_file_with_more_than_can_be_kept_says_how_many_are_not(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(intake, "QUARANTINED_AT_MOST", 3)
    desk.lay([case("good"), *({**BAD, "编号": str(number)} for number in range(5))])
    report = desk.take_one()
    assert (report.new, report.quarantined, report.not_kept, len(desk.entries())) == (1, 5, 2, 3)


def test_a_whole_file_is_mended_in_its_source(desk: Desk) -> None:
    desk.lay(b"%PDF-1.7")
    desk.take()
    number = only(desk)
    with quarantine(desk) as at:
        assert at.show(number).row is None
        for work in (lambda: at.fix(number, {"a": "b"}), lambda: at.release(number)):
            with pytest.raises(Problem, match="mend it in its source") as raised:
                work()
            assert raised.value.code is Code.INVALID


def test_a_fix_killed_between_sending_and_remembering_is_repeated_without_a_second_record(
    desk: Desk, town: Town, monkeypatch: pytest.MonkeyPatch
) -> None:
    from town import Killed

    desk.lay([BAD])
    desk.take()
    number = only(desk)
    with monkeypatch.context() as context:
        town.fate.take_hold(context)
        for step in range(9):
            town.fate.die_at(step)
            try:
                with quarantine(desk) as at:
                    at.fix(number, {"状态": "调解", "受理": "2026-11-02 09:00"})
            except Killed:
                continue
            except Problem as problem:
                assert problem.code is Code.NOT_FOUND, "it was mended before the last kill"
            break
        else:
            pytest.fail("the fix never came to its end")
    assert step > 5
    assert desk.entries() == []
    assert desk.counts("2") == [1]


def test_a_city_file_without_the_table_any_more_is_told_and_keeps_the_row(desk: Desk) -> None:
    desk.lay([BAD])
    desk.take()
    words = desk.dialect.read_text(encoding="utf-8")
    desk.dialect.write_text(words.replace('name="案件"', 'name="新表"'), encoding="utf-8")
    with pytest.raises(Problem) as raised:
        release(desk)
    assert raised.value.code is Code.NOT_FOUND
    assert len(desk.entries()) == 1


# -- what the node refuses ---------------------------------------------------------------------------


def _stays_until_released(desk: Desk, town: Town, reason: str, mend: dict[str, str]) -> None:
    """A refusal is in quarantine with its reason, is not pushed by later runs, and is by `release`."""
    desk.lay([case("1"), case("2")])
    report = desk.take_one()
    assert (report.new, report.quarantined) == (0, 2)
    entries = desk.entries()
    assert all(reason in entry.reasons and '"refused":true' in entry.reasons for entry in entries)
    pushes = town.pushes()
    assert desk.take_one(again=True).quarantined == 2
    assert (town.pushes(), desk.entries()) == (pushes, entries)
    with quarantine(desk) as at:
        (why,) = at.release(entries[0].entry).why
    assert why.reason == reason
    assert town.pushes() == pushes + 1
    desk.set(mend)
    with quarantine(desk) as at:
        assert [at.release(entry.entry).status for entry in entries] == ["new", "new"]
    assert desk.take_one(again=True).rows == 2
    assert (desk.entries(), desk.counts("1", "2")) == ([], [1, 1])


def test_a_kind_that_the_agreement_does_not_cover(desk: Desk, town: Town) -> None:
    desk.set({"agreement": f'"{town.narrow_agreement}"'})
    _stays_until_released(desk, town, "no-agreement", {"agreement": f'"{town.agreement}"'})


def test_an_agreement_that_nobody_signed(desk: Desk, town: Town) -> None:
    desk.set({"agreement": '"nowhere-2026"'})
    _stays_until_released(desk, town, "no-agreement", {"agreement": f'"{town.agreement}"'})


def test_a_marking_above_the_agreements(desk: Desk, town: Town) -> None:
    desk.set({"marking": '"red"'})
    _stays_until_released(desk, town, "no-agreement", {"marking": '"amber"'})


def test_an_agreement_that_has_expired(town_lab: tuple[Path, Lab], tmp_path: Path) -> None:
    def expire(_: dict[str, Any], agreements: dict[str, Any]) -> None:
        agreements["agreements"][1]["valid_until"] = f"{year}-01-02T00:00:00+08:00"
        agreements["agreements"][1]["kinds"] = agreements["agreements"][0]["kinds"]

    year = town_lab[1].agreements[0]["id"].rpartition("-")[2]
    with served(open_world(*town_lab, tmp_path / "lab", change=expire), tmp_path) as town:
        desk = town.desk()
        desk.set({"agreement": f'"{town.narrow_agreement}"'})
        _stays_until_released(desk, town, "no-agreement", {"agreement": f'"{town.agreement}"'})


@pytest.mark.parametrize(
    ("before", "after"), [("达成", "登记"), ("办结", "调解")], ids=["no way back", "final"]
)
def test_a_state_that_cannot_follow_stays_and_the_row_goes_on_from_where_it_was(
    desk: Desk, town: Town, before: str, after: str
) -> None:
    desk.lay([case("1", 状态=before)])
    desk.take()
    desk.lay([case("1", 状态=after)])
    assert desk.take_one().quarantined == 1
    pushes = town.pushes()
    assert desk.take_one(again=True).quarantined == 1
    assert town.pushes() == pushes
    assert desk.counts("1") == [1]
    desk.lay([case("1", 状态=before)])
    assert (desk.take_one().unchanged, desk.entries()) == (1, [])


def test_a_recipient_that_is_no_party_to_the_agreement_is_refused_alone(desk: Desk, town: Town) -> None:
    desk.lay([case("1"), case("2", 收件="包头市"), case("3")])
    report = desk.take_one()
    assert (report.new, report.quarantined) == (2, 1)
    assert desk.counts("1", "2", "3") == [1, 0, 1]


def test_what_the_office_cannot_make_a_record_of_keeps_its_row(desk: Desk) -> None:
    desk.set({"to": "[]"})
    desk.lay([case("1", 收件="")])
    desk.take()
    assert fix(desk, 收件="延安市").status == "new"
    assert desk.revisions("1")[0].record.recipients == (YANAN,)
    assert desk.take_one(again=True).mended_before == 1


def test_reasons_are_json_that_names_columns_and_never_cells(desk: Desk) -> None:
    desk.lay([BAD])
    desk.take()
    (entry,) = desk.entries()
    told = json.loads(entry.reasons)
    assert [each["field"] for each in told] == ["状态", "受理"]
    assert all(each["zh"] and each["en"] and each["next_zh"] and each["next_en"] for each in told)
