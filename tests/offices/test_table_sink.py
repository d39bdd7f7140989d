"""Rows of one call are all in a city's table, once, or none is."""

from __future__ import annotations

import io
from collections.abc import Iterator
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pytest
from place_settings import sink_at
from sqlalchemy import Engine, create_engine, make_url, text

from hub.errors import Code, Problem
from hub.offices.sinks import TableSink, open_sink


@pytest.fixture
def office(database_url: str) -> Iterator[Engine]:
    """The city's own hand on its database."""
    engine = create_engine(database_url)
    with engine.begin() as connection:
        connection.execute(
            text(
                "CREATE TABLE arrivals (sender VARCHAR(6) NOT NULL, number INTEGER NOT NULL, title TEXT, at DATE, "
                "length NUMERIC(8, 2), seen VARCHAR(5) DEFAULT 'no', PRIMARY KEY (sender, number))"
            )
        )
    yield engine
    engine.dispose()


@pytest.fixture
def sink(database_url: str, office: Engine) -> Iterator[TableSink]:
    with open_sink(sink_at(database_url), {}) as opened:
        assert isinstance(opened, TableSink)
        yield opened


KEY = ("sender", "number")


def row(number: Any, **cells: Any) -> dict[str, Any]:
    return {"sender": "150600", "number": number, "title": "草场界线", **cells}


def held(office: Engine, columns: str = "number, title") -> list[tuple[Any, ...]]:
    with office.connect() as connection:
        return [
            tuple(each)
            for each in connection.execute(text(f"SELECT {columns} FROM arrivals ORDER BY number"))
        ]


def refused(sink: TableSink, rows: Any, table: str = "arrivals", key: tuple[str, ...] = KEY) -> Problem:
    with pytest.raises(Problem) as raised:
        sink.put_rows(table, key, rows)
    assert "sink arrivals" in raised.value.detail
    assert "草场" not in raised.value.detail
    return raised.value


def test_rows_are_written_and_the_same_rows_again_change_nothing(sink: TableSink, office: Engine) -> None:
    rows = [row(number) for number in range(1_200)]
    for _ in range(2):
        sink.put_rows("arrivals", KEY, iter(rows))
    assert held(office) == [(number, "草场界线") for number in range(1_200)]


def test_a_row_replaces_the_one_with_its_key_and_no_other(sink: TableSink, office: Engine) -> None:
    sink.put_rows("arrivals", KEY, [row(1), row(2), {**row(1), "sender": "141100"}])
    sink.put_rows("arrivals", KEY, [row(1, title="改")])
    assert sorted(held(office, "sender, number, title")) == [
        ("141100", 1, "草场界线"),
        ("150600", 1, "改"),
        ("150600", 2, "草场界线"),
    ]


def test_of_rows_with_one_key_the_last_counts(sink: TableSink, office: Engine) -> None:
    sink.put_rows(
        "arrivals",
        KEY,
        [row(1, title="一"), *(row(n) for n in range(2, 700)), row(1, title="二"), row(1, title="三")],
    )
    assert held(office)[0] == (1, "三")


def test_cells_are_text_or_values_and_the_database_reads_them(sink: TableSink, office: Engine) -> None:
    sink.put_rows(
        "arrivals",
        KEY,
        [row("1", at="2026-11-02", length="12.5"), row(2, at=date(2026, 11, 2), length=Decimal("12.50"))],
    )
    sink.put_rows("arrivals", KEY, [row("2", at=datetime(2026, 11, 3, tzinfo=UTC), length=3.5, title=None)])
    found = held(office, "number, title, CAST(length AS FLOAT), seen")
    assert found == [(1, "草场界线", 12.5, "no"), (2, None, 3.5, "no")]
    assert [str(at)[:10] for (at,) in held(office, "at")] == ["2026-11-02", "2026-11-03"]


def test_keys_are_found_whether_text_or_number(sink: TableSink, office: Engine) -> None:
    sink.put_rows("arrivals", KEY, [{"sender": "150600", "number": 7}])
    sink.put_rows("arrivals", KEY, [{"sender": 150600, "number": "7", "title": "again"}])
    assert held(office) == [(7, "again")]


def test_a_list_in_a_cell_is_written_as_json(sink: TableSink, office: Engine) -> None:
    sink.put_rows("arrivals", KEY, [row(1, title=[{"姓名": "张某"}])])
    assert held(office) == [(1, '[{"姓名": "张某"}]')]


def test_one_bad_row_lets_none_in(sink: TableSink, office: Engine) -> None:
    sink.put_rows("arrivals", KEY, [row(1, title="before")])
    good = [row(number) for number in range(1, 900)]
    assert refused(sink, [*good, row(900, surname="张某")]).code is Code.INVALID
    assert refused(sink, [*good, {"number": 900}]).code is Code.INVALID
    assert held(office) == [(1, "before")]


def test_a_source_of_rows_that_fails_lets_none_in(sink: TableSink, office: Engine) -> None:
    def rows() -> Iterator[dict[str, Any]]:
        yield from (row(number) for number in range(600))
        raise Problem(Code.BUSY, "sink arrivals: no more")

    assert refused(sink, rows()).code is Code.BUSY
    assert held(office) == []


def test_a_value_that_the_table_refuses_is_named_and_not_told(sink: TableSink, office: Engine) -> None:
    with office.begin() as connection:
        connection.execute(text("CREATE TABLE strict (number INTEGER PRIMARY KEY, title TEXT NOT NULL)"))
    assert refused(sink, [{"number": 1, "title": None}], "strict", ("number",)).code is Code.INVALID


@pytest.mark.parametrize("table", ["nothing", 'arrivals"; DROP TABLE arrivals; --', "other.arrivals", ""])
def test_a_table_that_is_not_there_is_named(sink: TableSink, office: Engine, table: str) -> None:
    assert refused(sink, [row(1)], table).code is Code.NOT_FOUND
    assert held(office) == []


@pytest.mark.parametrize("key", [(), ("nothing",)])
def test_a_key_that_the_table_does_not_have_is_named(sink: TableSink, key: tuple[str, ...]) -> None:
    assert refused(sink, [row(1)], key=key).code is Code.INVALID


def test_no_rows_are_no_work(sink: TableSink, office: Engine) -> None:
    sink.put_rows("arrivals", KEY, [])
    assert held(office) == []


def test_a_database_takes_no_files(sink: TableSink) -> None:
    with pytest.raises(Problem) as raised:
        sink.put("a.csv", io.BytesIO(b"x"))
    assert raised.value.code is Code.INVALID


def test_a_table_in_a_schema_is_found(postgresql: str) -> None:
    engine = create_engine(postgresql)
    with engine.begin() as connection:
        connection.execute(text("CREATE SCHEMA office"))
        connection.execute(
            text("CREATE TABLE office.inbox (number INTEGER, extent INT4RANGE, place POINT, more JSONB)")
        )
    try:
        with open_sink(sink_at(postgresql), {}) as sink:
            assert isinstance(sink, TableSink)
            for _ in range(2):
                sink.put_rows(
                    "office.inbox",
                    ("number",),
                    [{"number": 1, "extent": "[1,5)", "place": "(1,2)", "more": {"a": 1}}],
                )
        with engine.connect() as connection:
            assert connection.execute(text("SELECT number, more ->> 'a' FROM office.inbox")).all() == [
                (1, "1")
            ]
    finally:
        with engine.begin() as connection:
            connection.execute(text("DROP SCHEMA office CASCADE"))
        engine.dispose()


def test_a_user_who_may_not_write_is_refused(office: Engine) -> None:
    if office.dialect.name == "sqlite":
        pytest.skip("SQLite has no users")
    with office.begin() as connection:
        connection.execute(text("DROP ROLE IF EXISTS onlooker"))
        connection.execute(text("CREATE ROLE onlooker LOGIN"))
        schema = connection.execute(text("SELECT current_schema()")).scalar_one()
        connection.execute(text(f"GRANT USAGE ON SCHEMA {schema} TO onlooker"))
    url = make_url(str(office.url)).set(username="onlooker").render_as_string(hide_password=False)
    with open_sink(sink_at(url), {}) as sink:
        assert isinstance(sink, TableSink)
        assert refused(sink, [row(1)]).code is Code.NOT_ALLOWED
