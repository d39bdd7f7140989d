"""Rows of a city's view stream by, from SQLite as from PostgreSQL, and nothing can be written there."""

from __future__ import annotations

import tracemalloc
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import closing
from datetime import date
from pathlib import Path
from typing import Any, cast

import pytest
from place_settings import secret, source_at
from sqlalchemy import Engine, create_engine, make_url, text

from adapters.dialect import Column, Dialect, Table
from adapters.formats import SqlRows
from hub.clock import utc_now
from hub.errors import Code, Problem
from hub.offices.places.database import open_engine
from hub.offices.sources import Source, open_source, views_of
from hub.offices.sources.views import ViewSource

HOSTILE = 'v"; DROP TABLE cases; --'


def reading(*views: SqlRows) -> Dialect:
    """A city whose tables are views."""
    tables = tuple(
        Table("mediation_case", "number", (Column("number", "case_number"),), name=view.view, forms=(view,))
        for view in views
    )
    return Dialect("150600", "Ordos", "cases", tables)


@pytest.fixture
def office(database_url: str) -> Iterator[Engine]:
    """The city's own hand on its database."""
    engine = create_engine(database_url)
    with engine.begin() as connection:
        connection.execute(text("CREATE TABLE cases (number INTEGER PRIMARY KEY, title TEXT, at DATE)"))
        connection.execute(text("CREATE VIEW v_cases AS SELECT * FROM cases"))
    yield engine
    engine.dispose()


@pytest.fixture
def take(database_url: str, tmp_path: Path) -> Iterator[Callable[..., Source]]:
    opened: list[Source] = []

    def make(*views: SqlRows, **changed: Any) -> Source:
        settings = source_at(changed.pop("url", database_url), **changed)
        opened.append(open_source(settings, reading(*views), {}, utc_now, tmp_path / "scratch"))
        return opened[-1]

    yield make
    for each in opened:
        each.close()


def rows(source: Source) -> list[Mapping[str, Any]]:
    return [
        row
        for unit in source.units()
        for part in unit.parts()
        for row in cast(Iterable[Mapping[str, Any]], part)
    ]


def refused(source: Source) -> Problem:
    with pytest.raises(Problem) as raised:
        rows(source)
    assert "mediation" in raised.value.detail
    return raised.value


def fill(office: Engine, count: int, title: str = "草场界线") -> None:
    with office.begin() as connection:
        connection.execute(
            text("INSERT INTO cases VALUES (:number, :title, '2026-11-02')"),
            [{"number": number, "title": title} for number in range(count, 0, -1)],
        )


def test_rows_come_by_column_in_the_order_that_is_named(office: Engine, take: Callable[..., Source]) -> None:
    fill(office, 3)
    source = take(SqlRows("v_cases", order="number"))
    (unit,) = source.units()
    assert (unit.name, unit.stamp) == ("v_cases", "")
    found = rows(source)
    assert [row["number"] for row in found] == [1, 2, 3]
    assert found[0].keys() == {"number", "title", "at"}
    assert found[0]["at"] in (date(2026, 11, 2), "2026-11-02")


def test_every_view_of_the_city_is_a_unit_of_its_own() -> None:
    one, two = SqlRows("v_one"), SqlRows("v_two")
    assert views_of(reading(one, two, one)) == (one, two)


def test_fifty_thousand_rows_stream_in_flat_memory(office: Engine, take: Callable[..., Source]) -> None:
    fill(office, 50_000, "x" * 200)
    source = take(SqlRows("v_cases", order="number"))
    (unit,) = source.units()
    tracemalloc.start()
    try:
        count = 0
        for part in unit.parts():
            count += sum(1 for _ in cast(Iterable[Any], part))
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert count == 50_000
    assert peak < 4 * 1024**2, "all rows together have 10 MiB of text"


def test_nothing_can_be_written_through_a_source(office: Engine, database_url: str) -> None:
    fill(office, 1)
    with (
        closing(
            open_engine(source_at(database_url).access, "source mediation", writing=False).connect()
        ) as connection,
        pytest.raises(Exception, match=r"(?i)read.?only"),
    ):
        connection.execute(text("INSERT INTO cases VALUES (9, 'x', NULL)"))


def test_one_moment_is_read_however_long_it_takes(office: Engine, take: Callable[..., Source]) -> None:
    fill(office, 5_000)
    (unit,) = take(SqlRows("v_cases", order="number")).units()
    for part in unit.parts():
        given = iter(cast(Iterable[Mapping[str, Any]], part))
        next(given)
        if office.dialect.name == "postgresql":
            with office.begin() as connection:
                connection.execute(text("DELETE FROM cases"))
        assert sum(1 for _ in given) == 4_999


@pytest.mark.parametrize("view", ["v_nothing", "other.v_cases", HOSTILE, '"', "v_cases WHERE 1=1"])
def test_a_view_that_is_not_there_is_named_and_its_name_is_never_run(
    office: Engine, take: Callable[..., Source], view: str
) -> None:
    fill(office, 1)
    assert refused(take(SqlRows(view))).code is Code.NOT_FOUND
    assert len(rows(take(SqlRows("v_cases")))) == 1


def test_a_column_to_order_by_that_is_not_there_is_named(office: Engine, take: Callable[..., Source]) -> None:
    assert refused(take(SqlRows("v_cases", order='number" DESC; --'))).code is Code.INVALID


def test_a_column_of_an_odd_type_is_named(office: Engine, take: Callable[..., Source]) -> None:
    odd = "int4range(1, 5)" if office.dialect.name == "postgresql" else "x'00ff'"
    with office.begin() as connection:
        connection.execute(text(f"CREATE VIEW v_odd AS SELECT 1 AS number, {odd} AS extent"))
    problem = refused(take(SqlRows("v_odd")))
    assert problem.code is Code.INVALID
    assert "extent" in problem.detail


def test_a_value_that_no_date_can_hold_is_named(office: Engine, take: Callable[..., Source]) -> None:
    if office.dialect.name == "sqlite":
        pytest.skip("SQLite has no dates")
    with office.begin() as connection:
        connection.execute(text("CREATE VIEW v_ever AS SELECT 'infinity'::timestamp AS at"))
    assert refused(take(SqlRows("v_ever"))).code is Code.INVALID


def test_a_uuid_is_read_as_text(office: Engine, take: Callable[..., Source]) -> None:
    if office.dialect.name == "sqlite":
        pytest.skip("SQLite has none")
    with office.begin() as connection:
        connection.execute(
            text("CREATE VIEW v_ids AS SELECT 'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11'::uuid AS id")
        )
    assert rows(take(SqlRows("v_ids"))) == [{"id": "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11"}]


def test_a_server_that_goes_away_while_rows_come_is_busy(office: Engine, take: Callable[..., Source]) -> None:
    if office.dialect.name == "sqlite":
        pytest.skip("SQLite has no server")
    fill(office, 20_000)
    (unit,) = take(SqlRows("v_cases")).units()
    with pytest.raises(Problem) as raised:
        for part in unit.parts():
            for number, _ in enumerate(cast(Iterable[Any], part)):
                if number == 10:
                    with office.begin() as connection:
                        connection.execute(
                            text(
                                "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity "
                                "WHERE query LIKE 'FETCH%' AND pid <> pg_backend_pid()"
                            )
                        )
    assert raised.value.code is Code.BUSY


def test_a_user_whom_the_database_does_not_know_is_refused(
    postgresql: str, take: Callable[..., Source], tmp_path: Path
) -> None:
    url = make_url(postgresql).set(username="stranger").render_as_string(hide_password=False)
    problem = refused(
        take(SqlRows("v"), url=url, password_file=secret(tmp_path / "password", "pw-of-office"))
    )
    assert problem.code is Code.NOT_ALLOWED
    assert "pw-of-office" not in problem.detail
    assert "stranger" not in problem.detail


def test_a_view_that_the_user_may_not_read_is_refused(
    postgresql: str, office: Engine, take: Callable[..., Source]
) -> None:
    if office.dialect.name == "sqlite":
        pytest.skip("SQLite has no users")
    with office.begin() as connection:
        connection.execute(text("DROP ROLE IF EXISTS reader"))
        connection.execute(text("CREATE ROLE reader LOGIN"))
        schema = connection.execute(text("SELECT current_schema()")).scalar_one()
        connection.execute(text(f"GRANT USAGE ON SCHEMA {schema} TO reader"))
    url = office.url.set(username="reader").render_as_string(hide_password=False)
    assert refused(take(SqlRows("v_cases"), url=url)).code is Code.NOT_ALLOWED


def test_a_database_that_is_not_there_is_named(take: Callable[..., Source], tmp_path: Path) -> None:
    urls = {
        f"sqlite:///{tmp_path / 'nowhere.db'}": Code.NOT_FOUND,
        "postgresql+psycopg://office@127.0.0.1:1/cases": Code.BUSY,
        "mysql://office@127.0.0.1/cases": Code.INVALID,
        "sqlite://": Code.NOT_FOUND,
        "nonsense": Code.INVALID,
    }
    for url, code in urls.items():
        with pytest.raises(Problem) as raised:
            rows(take(SqlRows("v"), url=url))
        assert raised.value.code is code, url
    assert not (tmp_path / "nowhere.db").exists()


def test_a_city_without_views_reads_no_database(take: Callable[..., Source]) -> None:
    with pytest.raises(Problem) as raised:
        take()
    assert raised.value.code is Code.INVALID


def test_a_file_that_is_no_database_is_named(tmp_path: Path, take: Callable[..., Source]) -> None:
    (tmp_path / "not.db").write_bytes(b"no database, " * 1000)
    assert refused(take(SqlRows("v"), url=f"sqlite:///{tmp_path / 'not.db'}")).code in (
        Code.INVALID,
        Code.BUSY,
    )


def test_a_source_can_be_left_in_the_middle(office: Engine, database_url: str) -> None:
    fill(office, 5_000)
    engine = open_engine(source_at(database_url).access, "source mediation", writing=False)
    with ViewSource("mediation", engine, [SqlRows("v_cases")]) as source:
        (unit,) = source.units()
        parts = unit.parts()
        assert next(iter(cast(Iterable[Any], next(parts))))
        parts.close()  # type: ignore[attr-defined]
    with office.begin() as connection:
        connection.execute(text("DROP VIEW v_cases"))
