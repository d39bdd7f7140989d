"""What arrives is in the office's own files before its sender is told, under the same names however often given."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Connection, create_engine, make_url, text
from town import (
    ORDOS,
    YANAN,
    YULIN,
    Desk,
    Fate,
    Killed,
    Row,
    Town,
    a_town,
    a_town_lab,
    case,
    finding,
    read_rows,
)

from adapters import cities
from adapters.cities import sample
from adapters.dialect import Table
from adapters.formats import SqlRows
from hub.client import Client
from hub.errors import Code, Problem
from hub.offices import dispatch
from hub.offices.sinks import FileSink
from keys.files import write_private
from keys.suite import generate_unseal

__all__ = ["a_town", "a_town_lab"]


@pytest.fixture
def ordos(town: Town) -> Desk:
    return town.desk(ORDOS)


@pytest.fixture
def yulin(town: Town) -> Desk:
    return town.desk(YULIN)


@pytest.fixture
def fate(town: Town, monkeypatch: pytest.MonkeyPatch) -> Fate:
    town.fate.take_hold(monkeypatch)
    return town.fate


def send(desk: Desk, *rows: Row, name: str = "register.csv") -> None:
    desk.lay(rows, name)
    desk.take()


def given(desk: Desk) -> dict[str, list[Row]]:
    """The tables that a sink was given, by their files' names."""
    return {path.name: read_rows(path) for path in sorted(desk.arrived.glob("*.csv"))}


def rows_given(desk: Desk) -> list[Row]:
    return [row for rows in given(desk).values() for row in rows]


def told(desk: Desk, number: str, table: str = "案件") -> str | None:
    """What the recipients said of a row's newest revision."""
    (held, *_) = reversed(desk.revisions(number, table))
    with desk.town.client(desk.city) as client:
        outcomes = [each["outcome"] for each in client.delivery(held.record.id)["recipients"]]
    (outcome,) = outcomes
    return outcome


def test_arrivals_are_written_in_the_citys_own_form_and_their_sender_is_told(
    ordos: Desk, yulin: Desk
) -> None:
    send(ordos, case("1"), case("2", 金额="5"))
    report = yulin.give()
    assert (report.written, report.as_signed, report.unanswered) == (2, 0, 0)
    ((name, rows),) = given(yulin).items()
    assert name.startswith("案件-")
    assert report.files == [name]
    assert [(row["申请人"], row["来文"], row["状态"]) for row in rows] == [("张某", "鄂尔多斯市", "调解")] * 2
    assert told(ordos, "1") == told(ordos, "2") == "accepted"


def test_nothing_comes_a_second_time(ordos: Desk, yulin: Desk, town: Town) -> None:
    send(ordos, case("1"))
    yulin.give()
    before, pushes = given(yulin), town.pushes()
    report = yulin.give()
    assert (report.written, report.files, given(yulin), town.pushes()) == (0, [], before, pushes)


def test_a_sink_that_fails_tells_nobody_and_all_comes_again_under_the_same_name(
    ordos: Desk, yulin: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: Any) -> None:
        raise Problem(Code.BUSY, "injected: the disk is full")

    send(ordos, case("1"))
    with monkeypatch.context() as context:
        context.setattr(FileSink, "put", full)
        for _ in range(2):
            with pytest.raises(Problem, match="the disk is full"):
                yulin.give()
    assert (told(ordos, "1"), given(yulin)) == (None, {})
    with yulin.memory() as memory:
        ending = memory.sinks.state(YULIN, "arrivals").upto
    send(ordos, case("1"), case("2"))
    report = yulin.give()
    assert report.files[0] == f"案件-{ending:08d}.csv"
    assert [len(rows) for rows in given(yulin).values()] == [1, 1]
    assert told(ordos, "1") == told(ordos, "2") == "accepted"


def test_a_run_killed_at_any_step_gives_the_same_files(ordos: Desk, yulin: Desk, fate: Fate) -> None:
    send(ordos, case("1"), case("2"))
    seen: dict[str, list[Row]] = {}
    step = 0
    while True:
        fate.die_at(step)
        try:
            yulin.give()
            break
        except Killed:
            step += 1
            fate.die_at(-1)
            send(ordos, *(case(str(number)) for number in range(1, 3 + step)))
        for name, rows in given(yulin).items():
            assert seen.setdefault(name, rows) == rows, "a file that was in place says something else now"
    fate.die_at(-1)
    yulin.give()
    assert step > 8
    numbers = [row["编号"] for row in rows_given(yulin)]
    assert len(numbers) == len(set(numbers)) == 2 + step
    assert {told(ordos, str(number)) for number in range(1, 3 + step)} == {"accepted"}


def test_only_the_newest_revision_is_written_and_all_are_answered(
    ordos: Desk, yulin: Desk, town: Town
) -> None:
    for amount in ("1", "2", "3"):
        send(ordos, case("1", 金额=amount))
    report = yulin.give()
    assert (report.written, report.superseded) == (1, 2)
    assert [row["金额"].rstrip("0").rstrip(".") for row in rows_given(yulin)] == ["3"]
    answers = [each.record for each in town.pulled(ORDOS) if each.record.kind == "acknowledgement"]
    assert len({answer.body["digest"] for answer in answers if answer.body}) == 3


def test_batches_are_cut_and_each_is_a_file(
    ordos: Desk, yulin: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dispatch, "AT_ONCE", 4)
    send(ordos, *(case(str(number)) for number in range(10)))
    assert yulin.give().written == 10
    assert [len(rows) for rows in given(yulin).values()] == [4, 4, 2]


def test_what_was_withdrawn_is_shown_as_it_last_was_and_as_withdrawn(ordos: Desk, yulin: Desk) -> None:
    send(ordos, finding("1"), finding("2"))
    yulin.give()
    send(ordos, finding("1"))
    assert yulin.give().written == 1
    (row,) = list(given(yulin).values())[-1]
    assert (row["隐患"], "撤回" in row["说明"] or "已无此记录" in row["说明"]) == ("护栏缺失", True)
    assert told(ordos, "2", "排查") == "accepted"


def test_the_citys_own_rows_come_back_with_what_became_of_them(ordos: Desk, yulin: Desk) -> None:
    send(ordos, case("1"))
    yulin.give()
    report = ordos.give()
    assert (report.answers, report.answered_rows, report.written) == (1, 1, 0)
    ((name, (row,)),) = given(ordos).items()
    assert name.endswith("-outcomes.csv")
    assert (row["编号"], "榆林市" in row["结果"]) == ("1", True)


def test_an_own_record_sealed_to_an_older_key_keeps_nothing_back(
    ordos: Desk, yulin: Desk, tmp_path: Path
) -> None:
    send(ordos, case("1"))
    yulin.give()
    send(yulin, case("7", 收件="鄂尔多斯市"))
    write_private(tmp_path / "new.pem", generate_unseal(), None)
    ordos.set({"seal_key": f'"{tmp_path}/new.pem"'})
    report = ordos.give()
    assert (report.answers, report.answered_rows, report.unreadable) == (1, 0, 1)
    assert told(yulin, "7") == "unreadable"
    assert ordos.give().unreadable == 0


def test_what_the_city_cannot_open_is_given_as_signed_and_told_so(
    ordos: Desk, yulin: Desk, tmp_path: Path
) -> None:
    write_private(tmp_path / "other.pem", generate_unseal(), None)
    yulin.set({"seal_key": f'"{tmp_path}/other.pem"'})
    send(ordos, case("1"))
    report = yulin.give()
    assert (report.written, report.unreadable, report.as_signed) == (0, 1, 1)
    assert {path.suffix for path in yulin.arrived.iterdir()} >= {".jws", ".tlog-proof"}
    assert told(ordos, "1") == "unreadable"


def test_a_kind_that_no_table_has_is_given_as_signed_with_its_receipt(yulin: Desk, town: Town) -> None:
    with town.client(ORDOS) as client:
        jws = client.compose(
            "risk_notice", sender=ORDOS, recipients=[YULIN], agreement=town.agreement,
            body={"field": "道路交通", "grade": "yellow", "statement": "团雾多发", "state": "issued"},
        )  # fmt: skip
        (outcome,) = client.push([jws])
        assert outcome.status == "accepted"
        report = yulin.give()
        assert (report.as_signed, report.unreadable) == (1, 0)
        (signed,) = yulin.arrived.glob("*.jws")
        assert signed.read_text().strip() == jws
        assert signed.with_suffix(".tlog-proof").read_text()
        assert outcome.id is not None
        assert client.delivery(outcome.id)["recipients"][0]["outcome"] == "received"


def test_a_sink_takes_its_kinds_and_the_answers_to_them_alone(ordos: Desk, yulin: Desk) -> None:
    yulin.set(sink={"kinds": '["joint_inspection"]'})
    ordos.set(sink={"kinds": '["joint_inspection"]'})
    send(ordos, case("1"), name="cases.csv")
    send(ordos, finding("1"), name="findings.csv")
    assert yulin.give().written == 1
    assert [next(iter(row)) for row in rows_given(yulin)] == ["排查编号"]
    assert (told(ordos, "1"), told(ordos, "1", "排查")) == (None, "accepted")
    assert ordos.give().answers == 1


def test_a_sender_that_cannot_be_told_keeps_nothing_back(
    ordos: Desk, yulin: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    compose = Client.compose

    def elsewhere(client: Client, kind: str, **members: Any) -> str:
        return compose(client, kind, **{**members, "agreement": "ended-2020"})

    send(ordos, case("1"), case("2"))
    with monkeypatch.context() as context:
        context.setattr(Client, "compose", elsewhere)
        report = yulin.give()
    assert (report.written, report.unanswered) == (2, 2)
    assert yulin.give().written == 0


def test_a_formula_from_a_neighbour_is_text_in_the_file(ordos: Desk, yulin: Desk) -> None:
    send(ordos, case("1", 摘要="=HYPERLINK(evil)"))
    yulin.give()
    (path,) = yulin.arrived.glob("*.csv")
    assert ",'=HYPERLINK" in path.read_text(encoding="utf-8-sig")


# -- a database in, a database out -------------------------------------------------------------------

CASES = json.loads(sample(YANAN, "mediation_case.json"))


def fill(connection: Connection, view: str, rows: list[dict[str, Any]]) -> None:
    """A view over a table with these rows; lists are JSON, where the database has it."""
    lists = {name for row in rows for name, cell in row.items() if isinstance(cell, list)}
    kind = "JSONB" if connection.dialect.name == "postgresql" else "TEXT"
    names = list(dict.fromkeys(name for row in rows for name in row))
    columns = ", ".join(f'"{name}" {kind if name in lists else "TEXT"}' for name in names)
    connection.execute(text(f"CREATE TABLE {view}_rows ({columns})"))
    values = ", ".join(f"CAST(:{name} AS {kind})" if name in lists else f":{name}" for name in names)
    for row in rows:
        connection.execute(
            text(f"INSERT INTO {view}_rows VALUES ({values})"),
            {name: _stored(row.get(name)) for name in names},
        )
    connection.execute(text(f"CREATE VIEW {view} AS SELECT * FROM {view}_rows"))


def make_table(connection: Connection, table: Table) -> None:
    """A table with a column for each that the city's file names, in the place of its view."""
    view = table.title
    for form in cities.dialect(YANAN).forms_of(table):
        assert isinstance(form, SqlRows)
        view = form.view
    names = dict.fromkeys([table.number, *(column.name for column in table.columns), table.recipients.column])
    connection.execute(text(f"DROP VIEW {view}"))
    connection.execute(text(f"CREATE TABLE {view} ({', '.join(f'{name} TEXT' for name in names)})"))


def _stored(cell: Any) -> str | None:
    if cell is None:
        return None
    return json.dumps(cell, ensure_ascii=False) if isinstance(cell, list | dict) else str(cell)


@pytest.fixture
def yanan(town: Town, database_url: str, tmp_path: Path) -> Iterator[Desk]:
    """Yan'an's office: views of its database in, tables of its database out."""
    desk = town.desk(YANAN)
    address = make_url(database_url)._replace(password=None).render_as_string()
    case, notice = (
        {name: cell for name, cell in rows[0].items() if name != "share_with"}
        for rows in (CASES, json.loads(sample(YANAN, "risk_notice.json")))
    )
    engine = create_engine(database_url)
    with engine.begin() as connection:
        fill(connection, "v_border_dispute", [case, case | {"case_id": "YA2"}])
        fill(connection, "v_risk_letter", [notice])
    engine.dispose()
    place = {"url": f'"{address}"'}
    members = {"dialect": f'"{cities.written_in(YANAN)}"', "to": f'["{YULIN}"]'}
    desk.set(members, source=place, sink=place)
    yield desk


def test_a_view_is_read_and_a_table_filled(yanan: Desk, yulin: Desk, database_url: str) -> None:
    reports = {report.name: report for report in yanan.take()}
    assert {name: (report.new, report.quarantined) for name, report in reports.items()} == {
        "v_border_dispute": (2, 0),
        "v_risk_letter": (1, 0),
    }, [entry.reasons for entry in yanan.entries()]
    assert [report.unchanged for report in yanan.take()] == [2, 1]
    assert yulin.give().written == 2
    engine = create_engine(database_url)
    with engine.begin() as connection:
        connection.execute(text("UPDATE v_border_dispute_rows SET amount = '5' WHERE case_id = 'YA2'"))
    assert [report.revised for report in yanan.take()] == [1, 0]
    with engine.begin() as connection:
        for table in cities.dialect(YANAN).tables:
            make_table(connection, table)
    send(yulin, case("Y1", 收件="延安市"))
    report = yanan.give()
    assert (report.written, report.answered_rows) == (1, 3)
    assert yanan.give().written == 0
    with engine.connect() as connection:
        held = connection.execute(
            text("SELECT case_id, from_city, push_result FROM v_border_dispute ORDER BY from_city, case_id")
        ).all()
        told = connection.execute(text("SELECT letter_no, push_result FROM v_risk_letter")).all()
    engine.dispose()
    own = [(number, result) for number, sender, result in held if sender not in (YULIN, "榆林市")]
    assert {number for number, _ in own} == {"YA2", CASES[0]["case_id"]}
    assert all("榆林市" in result for _, result in own)
    assert len(held) == 3
    assert [("榆林市" in result, bool(number)) for number, result in told] == [(True, True)]
