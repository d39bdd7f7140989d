"""What an office exports is at the node once, however often, under whatever name, and however hostile it is read."""

from __future__ import annotations

import inspect
import json
import os
from pathlib import Path
from typing import Any

import pytest
from town import ORDOS, YULIN, Desk, Town, a_town, a_town_lab, case, finding, written
from web_server import Asked, Told, WebServer

from adapters.cities import samples, written_in
from hub.errors import Code
from hub.offices import intake
from hub.store.offices import NewEntry, Reading

__all__ = ["a_town", "a_town_lab"]


@pytest.fixture
def desk(town: Town) -> Desk:
    return town.desk()


def test_rows_become_records_and_a_second_run_sends_nothing(town: Town, desk: Desk) -> None:
    desk.lay([case("1"), case("2", 金额="12000.50")])
    report = desk.take_one()
    assert (report.new, report.quarantined, report.rows) == (2, 0, 2)
    pushes = town.pushes()
    assert desk.take_one().passed_over
    assert desk.take_one(again=True).unchanged == 2
    assert town.pushes() == pushes
    assert desk.counts("1", "2") == [1, 1]
    assert desk.said("1")["parties"][0]["name"] == "张某"


def _touched(path: Path) -> None:
    os.utime(path, ns=(1, 1))


def _renamed(path: Path) -> None:
    path.rename(path.with_name("next.csv"))


def _copied(path: Path) -> None:
    path.with_name("copy.csv").write_bytes(path.read_bytes())


def _with_bom(path: Path) -> None:
    path.write_bytes(b"\xef\xbb\xbf" + path.read_bytes())


def _other_lines(path: Path) -> None:
    path.write_bytes(path.read_bytes().replace(b"\n", b"\r\n"))


def _other_encoding(path: Path) -> None:
    path.write_bytes(path.read_bytes().decode().encode("gb18030"))


def _moved_columns(path: Path) -> None:
    rows = [case("1"), case("2")]
    path.write_bytes(written([dict(reversed(row.items())) for row in reversed(rows)]))


@pytest.mark.parametrize(
    "happens",
    [_touched, _renamed, _copied, _with_bom, _other_lines, _other_encoding, _moved_columns],
    ids=lambda happens: str(happens.__name__).strip("_"),
)
def test_a_file_that_only_looks_other_makes_no_record(desk: Desk, town: Town, happens: Any) -> None:
    path = desk.lay([case("1"), case("2")])
    desk.take()
    pushes = town.pushes()
    happens(path)
    for report in desk.take():
        assert (report.new, report.revised, report.problem) == (0, 0, None)
    assert all(report.passed_over for report in desk.take())
    assert town.pushes() == pushes
    assert desk.counts("1", "2") == [1, 1]


def test_a_renamed_file_takes_its_rows_and_its_quarantine_with_it(desk: Desk) -> None:
    path = desk.lay([finding("1"), finding("2"), finding("3", 发现="2月30日")])
    desk.take()
    (before,) = desk.entries()
    _renamed(path)
    assert desk.take_one().passed_over
    (entry,) = desk.entries()
    assert (entry.entry, entry.unit) == (before.entry, "next.csv")
    desk.lay([finding("1"), finding("3")], "next.csv")
    assert desk.take_one().withdrawn == 1
    assert desk.entries() == []


def test_a_renamed_file_wins_over_what_a_killed_run_left_under_its_new_name(desk: Desk) -> None:
    rows = [case("1"), case("2", 状态="外星人")]
    old = desk.lay(rows, "a.csv")
    desk.take()
    with desk.opened() as office:
        (entry,) = office.memory.quarantine.listed()
        content = office.contents.of("row", "案件", rows[1])
        assert office.memory.quarantine.known(Reading(ORDOS, "export", "a.csv", 1), [content]) == {
            content: False
        }
        left = NewEntry(content, entry.title, entry.number, None, 3, entry.reasons, entry.kept)
        office.memory.quarantine.put(Reading(ORDOS, "export", "b.csv", 1), [left], entry.since)
    old.rename(old.with_name("b.csv"))
    assert desk.take_one().passed_over
    assert [(each.entry, each.unit) for each in desk.entries()] == [(entry.entry, "b.csv")]


def test_a_changed_row_is_exactly_one_next_revision(desk: Desk) -> None:
    desk.lay([case("1"), case("2"), case("3")])
    desk.take()
    desk.lay([case("1"), case("2", 摘要="已到现场"), case("3")])
    report = desk.take_one()
    assert (report.new, report.revised, report.unchanged) == (0, 1, 2)
    desk.take_one(again=True)
    assert desk.counts("1", "2", "3") == [1, 2, 1]
    assert desk.said("2")["summary"] == "已到现场"


def test_a_row_that_returns_to_what_it_said_before_is_a_revision_too(desk: Desk) -> None:
    for amount in ("1", "2", "1"):
        desk.lay([case("1", 金额=amount)])
        assert desk.take_one().rows == 1
    assert desk.counts("1") == [3]


def test_other_recipients_are_a_next_revision(desk: Desk) -> None:
    desk.lay([case("1")])
    desk.take()
    desk.lay([case("1", 收件="榆林市、延安市")])
    assert desk.take_one().revised == 1
    assert desk.revisions("1")[-1].record.recipients == (YULIN, "610600")


def test_a_changed_city_file_reads_an_unchanged_export_again(desk: Desk) -> None:
    desk.lay([case("1", 状态="办完")])
    assert desk.take_one().quarantined == 1
    assert desk.take_one().passed_over
    words = desk.dialect.read_text(encoding="utf-8")
    desk.dialect.write_text(words.replace('"办结": "closed"', '"办完": "closed"'), encoding="utf-8")
    assert desk.take_one().new == 1
    assert desk.entries() == []


def test_other_default_recipients_in_the_settings_read_an_unchanged_export_again(desk: Desk) -> None:
    desk.set({"to": "[]"})
    desk.lay([case("1", 收件="")])
    assert desk.take_one().quarantined == 1
    desk.set({"to": '["610800"]'})
    assert desk.take_one().new == 1
    assert desk.entries() == []


def test_a_row_that_names_its_own_city_alone_goes_to_nobody(desk: Desk) -> None:
    desk.set({"to": f'["{ORDOS}"]'})
    desk.lay([case("1", 收件="鄂尔多斯市")])
    assert desk.take_one().quarantined == 1
    (entry,) = desk.entries()
    assert "names no city that it is for" in entry.reasons
    assert desk.counts("1") == [0]


def test_recipients_that_nobody_knows_are_quarantined_and_not_guessed(desk: Desk) -> None:
    desk.lay([case("1", 收件="火星市"), case("2", 收件="榆林市、火星市"), case("3")])
    assert (desk.take_one().new, desk.counts("1", "2", "3")) == (1, [0, 0, 1])


def test_every_row_of_a_report_is_counted_once(desk: Desk) -> None:
    rows = [case(str(number)) for number in range(5)]
    desk.lay(
        [
            *rows,
            case("0"),
            case("6", 状态="?"),
            case("7", 受理="2月30日", 金额="x"),
            dict.fromkeys(case(""), ""),
        ]
    )
    report = desk.take_one()
    assert (report.new, report.quarantined, report.left_out, report.rows) == (5, 3, 1, 9)


# -- what is gone ------------------------------------------------------------------------------------


def findings(*numbers: int, **cells: str) -> list[dict[str, str]]:
    return [finding(str(number), **cells) for number in numbers]


def withdrawn(desk: Desk, *numbers: int) -> list[bool]:
    return [desk.revisions(str(number), "排查")[-1].record.withdrawn is not None for number in numbers]


def test_what_vanishes_is_withdrawn_where_the_table_says_so_and_nowhere_else(desk: Desk) -> None:
    desk.lay(findings(1, 2), "findings.csv")
    desk.lay([case("1"), case("2")], "cases.csv")
    desk.take()
    desk.lay(findings(1), "findings.csv")
    desk.lay([case("1")], "cases.csv")
    assert sum(report.withdrawn for report in desk.take()) == 1
    assert withdrawn(desk, 1, 2) == [False, True]
    assert desk.counts("1", "2") == [1, 1]
    assert [report.withdrawn for report in desk.take(again=True)] == [0, 0]
    assert desk.counts("1", "2", table="排查") == [1, 2]


def test_a_row_that_comes_back_is_the_next_revision(desk: Desk) -> None:
    for rows in (findings(1, 2), findings(1), findings(1, 2)):
        desk.lay(rows)
        report = desk.take_one()
    assert (report.revised, report.unchanged) == (1, 1)
    assert [each.record.withdrawn is None for each in desk.revisions("2", "排查")] == [True, False, True]


WHOLE = written(findings(1, 2, 3, 4))
LINES = WHOLE.splitlines(keepends=True)


@pytest.mark.parametrize(
    "left",
    [
        b"",
        LINES[0],
        b"".join(LINES[:2]) + LINES[2][:3],
        b"".join(LINES[:3]) + b'4,"',
        b"".join(LINES[:2]) + LINES[2].rstrip() + b",,torn\n",
        b"".join(LINES[:2]) + b"," + LINES[2].split(b",", 1)[1],
        b"".join(LINES[:2]) + b"\xff\xff" + LINES[2],
        b"PK\x03\x04" + WHOLE,
        b"<html>502 Bad Gateway</html>",
        WHOLE.replace("排查编号".encode(), "序".encode()).replace(LINES[3], b""),
    ],
    ids=[
        "empty", "heading alone", "cut within a number", "cut within quotes", "a row of too many cells",
        "a row without its number", "a row of other bytes", "another format", "an error page", "a column renamed",
    ],
)  # fmt: skip
def test_nothing_is_withdrawn_because_of_a_file_that_may_not_be_whole(desk: Desk, left: bytes) -> None:
    desk.lay(WHOLE)
    desk.take()
    desk.lay(left)
    assert desk.take_one().withdrawn == 0
    assert withdrawn(desk, 1, 2, 3, 4) == [False] * 4


def test_a_rejected_row_with_a_number_is_there_and_is_not_withdrawn(desk: Desk) -> None:
    desk.lay(findings(1, 2, 3))
    desk.take()
    desk.lay([*findings(1), finding("2", 发现="2026-13-45")])
    assert desk.take_one().withdrawn == 1
    assert withdrawn(desk, 1, 2, 3) == [False, False, True]


def test_a_row_that_the_node_refuses_is_there_and_is_not_withdrawn(desk: Desk) -> None:
    desk.lay(findings(1, 2))
    desk.take()
    desk.lay([*findings(1), finding("2", 收件="包头市")])
    for again in (False, True):
        report = desk.take_one(again=again)
        assert (report.withdrawn, report.quarantined) == (0, 1)
    assert withdrawn(desk, 1, 2) == [False, False]


def test_more_than_the_source_allows_are_withheld_and_told(desk: Desk) -> None:
    desk.set(source={"withdraw_at_most": "2"})
    desk.lay(findings(1, 2, 3, 4))
    desk.take()
    desk.lay(findings(1))
    report = desk.take_one()
    assert (report.withdrawn, report.withheld) == (0, 3)
    assert any("withdraw_at_most" in note.en for note in report.notes)
    desk.lay(findings(1, 2))
    assert desk.take_one().withdrawn == 2


def test_what_another_system_withdrew_is_asked_about_once(desk: Desk, town: Town) -> None:
    desk.lay(findings(1, 2))
    desk.take()
    (held,) = desk.revisions("2", "排查")
    with town.client(ORDOS) as client:
        gone = client.compose(
            "joint_inspection", sender=ORDOS, recipients=[YULIN], agreement=town.agreement, body=None,
            withdrawn="elsewhere", follows=held.predecessor,
        )  # fmt: skip
        assert [outcome.status for outcome in client.push([gone])] == ["accepted"]
    desk.lay(findings(1))
    assert desk.take_one().withdrawn == 0
    asked = len(town.asked)
    desk.take_one(again=True)
    assert not [each for each in town.asked[asked:] if each.startswith("GET /v1/records/")]
    desk.lay(findings(1, 2))
    assert desk.take_one().revised == 1
    assert desk.counts("2", table="排查") == [3]


def test_a_record_withdrawn_in_haste_keeps_its_recipients(desk: Desk) -> None:
    desk.lay([finding("1"), finding("2", 收件="榆林市、延安市")])
    desk.take()
    desk.lay([finding("1")])
    desk.take()
    last = desk.revisions("2", "排查")[-1].record
    assert (last.recipients, last.withdrawn is None, last.body) == ((YULIN, "610600"), False, None)


# -- lists and other dialects ------------------------------------------------------------------------


def _listing(items: list[dict[str, Any]]) -> str:
    return json.dumps({"code": 0, "msg": "ok", "data": {"total": len(items), "list": items}})


def _pages(*pages: list[dict[str, Any]]) -> Any:
    def answer(asked: Asked) -> Told:
        number = int(asked.query["page"])
        items = pages[number - 1] if number <= len(pages) else []
        return Told(_listing(items).encode())

    return answer


@pytest.fixture
def listed(town: Town) -> Desk:
    """Yulin's office, whose system answers with a list, page by page."""
    desk = town.desk(YULIN)
    desk.set({"dialect": f'"{written_in(YULIN)}"'})
    return desk


def cases_of_yulin(count: int) -> list[dict[str, Any]]:
    first = json.loads(samples(YULIN)["mediation_case.json"])["data"]["list"][0]
    return [{**first, "SQBH": f"榆调{number}", "TZDQ": [ORDOS]} for number in range(count)]


def test_a_list_that_grew_by_a_page_is_read_to_its_end(listed: Desk, web: WebServer) -> None:
    first, second, third = ([each] for each in cases_of_yulin(3))
    listed.set(source={"url": f'"{web.origin}/cases"', "page": '"page"', "items": '"data.list"'})
    web.answer = _pages(first, second)
    assert listed.take_one().new == 2
    web.answer = _pages(first, second, third)
    report = listed.take_one()
    assert (report.new, report.unchanged) == (1, 2)


def test_a_row_that_slid_to_the_next_page_while_it_was_read_is_one_record(
    listed: Desk, web: WebServer
) -> None:
    first, second = cases_of_yulin(2)
    listed.set(source={"url": f'"{web.origin}/cases"', "page": '"page"', "items": '"data.list"'})
    web.answer = _pages([first, second], [second])
    report = listed.take_one()
    assert (report.new, report.unchanged) == (2, 1)


def test_a_list_that_breaks_off_keeps_what_came_and_is_read_again(listed: Desk, web: WebServer) -> None:
    first, second = ([each] for each in cases_of_yulin(2))
    listed.set(source={"url": f'"{web.origin}/cases"', "page": '"page"', "items": '"data.list"'})
    whole = _pages(first, second)
    web.answer = lambda asked: whole(asked) if asked.query["page"] == "1" else Told(status=500)
    report = listed.take_one()
    assert (report.new, report.problem is not None) == (1, True)
    web.answer = whole
    report = listed.take_one()
    assert (report.new, report.unchanged) == (1, 1)


# -- what is hostile ---------------------------------------------------------------------------------


HOSTILE_NUMBERS = (
    "a/b/../../c", "<b>1</b>", "[red]1[/red]", "=cmd|' /C calc'!A0", "'; DROP TABLE office_rows; --",
    "%00", "{}", "\\u0000",
)  # fmt: skip
REFUSED_NUMBERS = ("n" * 300, "\u202egnp.exe", "")


def test_a_hostile_number_is_one_record_or_one_line_of_the_quarantine(desk: Desk) -> None:
    desk.lay([case(number) for number in (*HOSTILE_NUMBERS, *REFUSED_NUMBERS)])
    report = desk.take_one()
    assert (report.new, report.quarantined) == (len(HOSTILE_NUMBERS), len(REFUSED_NUMBERS)), desk.entries()
    assert desk.counts(*HOSTILE_NUMBERS) == [1] * len(HOSTILE_NUMBERS)
    before = desk.entries()
    report = desk.take_one(again=True)
    assert (report.new, report.revised, report.unchanged) == (0, 0, len(HOSTILE_NUMBERS))
    assert desk.entries() == before
    assert all(len(entry.number) <= 200 for entry in before)


def test_a_file_with_a_null_byte_is_refused_as_a_whole(desk: Desk) -> None:
    desk.lay([case("1"), case("2\x00")])
    report = desk.take_one()
    assert (report.new, report.quarantined) == (0, 1)


def test_a_cell_of_a_megabyte_is_refused_alone(desk: Desk) -> None:
    desk.lay([case("1"), case("2", 摘要="长" * 350_000), case("3", 金额="9" * 1_000_000)])
    report = desk.take_one()
    assert (report.new, report.quarantined) == (1, 2)
    assert all("长" not in entry.reasons and len(entry.reasons) < 2_000 for entry in desk.entries())
    desk.lay([case("1"), case("2")])
    assert (desk.take_one().new, desk.entries()) == (1, [])


def test_half_a_character_in_a_list_ends_no_run_and_makes_no_second_record(listed: Desk) -> None:
    good, number, text = cases_of_yulin(3)
    number["SQBH"] = "榆调\ud800"
    text["JFGY"] = "\udfff张某"
    (listed.export / "list.json").write_text(_listing([good, number, text]), encoding="ascii")
    report = listed.take_one()
    assert (report.problem, report.new + report.quarantined) == (None, 3)
    again = listed.take_one(again=True)
    assert (again.new, again.revised, again.quarantined) == (0, 0, report.quarantined)
    assert listed.counts("榆调0", table="榆林") == [1]


@pytest.mark.parametrize("name", ["[bold]x.csv", "<img src=x>.csv", "a b;rm -rf.csv", "名" * 80 + ".csv"])
def test_a_file_with_a_hostile_name_is_read_as_any_other(desk: Desk, name: str) -> None:
    desk.lay([case("1"), case("2", 状态="?")], name)
    report = desk.take_one()
    assert (report.name, report.new, report.quarantined) == (name, 1, 1)
    assert desk.entries()[0].unit == name


def test_files_whose_names_break_lines_or_are_no_text_harm_nothing(desk: Desk) -> None:
    desk.lay([case("1")], "two\nlines.csv")
    try:
        path = os.fsencode(desk.export) + b"/\xff\xfe.csv"
        Path(os.fsdecode(path)).write_bytes(written([case("2")]))
    except OSError:
        pytest.skip("this filesystem takes no such name")
    desk.lay([case("3")])
    reports = desk.take()
    assert all("\n" not in report.name for report in reports)
    assert desk.counts("3") == [1]
    desk.take(again=True)
    assert sum(desk.counts("2")) <= 1


def test_a_unit_that_cannot_be_read_keeps_none_of_the_others_back(desk: Desk) -> None:
    path = desk.lay([case("1")], "a.csv")
    os.utime(path, (4_000_000_000, 4_000_000_000))
    desk.lay([case("2")], "b.csv")
    reports = {report.name: report for report in desk.take()}
    assert reports["a.csv"].problem is not None
    assert reports["a.csv"].problem.code is Code.BUSY
    assert reports["b.csv"].new == 1


def test_rows_are_sent_as_the_file_is_read_and_never_collected(
    desk: Desk, town: Town, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(intake, "AT_ONCE", 10)
    read: list[int] = []
    given = inspect.unwrap(intake.translation.read)

    def counted(*arguments: Any, **named: Any) -> Any:
        for outcome in given(*arguments, **named):
            read.append(town.pushes())
            yield outcome

    monkeypatch.setattr(intake.translation, "read", counted)
    desk.lay([case(str(number)) for number in range(45)])
    assert desk.take_one().new == 45
    assert [read[at] - read[0] for at in (0, 9, 10, 20, 30, 40)] == [0, 0, 1, 2, 3, 4]
