"""Exports that are grown for the bench: as many rows as asked for, all different, all clean, read by both sides."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from adapters.cities import DIALECTS, dialect
from adapters.drafts import Draft
from adapters.formats import Archive, Csv, Form, JsonList, Sheets, SqlRows, XmlRows
from bench.adapting import SLICE, compare, high_water_mib, peak
from bench.bare import bare_rows
from bench.exports import OLD_ROWS, Export, exports

ROWS = 30
FORMS: dict[str, tuple[Form, str]] = {
    "csv": (Csv(), "150600"),
    "xlsx": (Sheets(title="台账"), "150600"),
    "json in gbk": (JsonList("a.b", encoding="gb18030"), "150600"),
    "xml": (XmlRows("AJ"), "610800"),
    "zip of csv": (Archive(Csv()), "150600"),
    "zip of xml": (Archive(XmlRows("AJ")), "610800"),
    "view": (SqlRows("v_case"), "150600"),
}


def an_export(form: Form, city: str, *, rows: int = ROWS, old: bool = False) -> Export:
    spoken = replace(dialect(city), forms=(form,))
    return Export(spoken, spoken.tables[0], form, rows, old)


def by_name() -> dict[str, Export]:
    return {export.name: export for export in exports(ROWS, every_table=True)}


@pytest.mark.parametrize("name", by_name())
def test_every_row_of_every_citys_export_is_a_draft_with_a_number_of_its_own(
    name: str, tmp_path: Path
) -> None:
    export = by_name()[name]
    export.make(tmp_path)
    drafts = [each for each in export.outcomes(tmp_path) if isinstance(each, Draft)]
    assert {draft.table for draft in drafts} == {export.table.title}
    assert len({draft.local_number for draft in drafts}) == len(drafts) == ROWS


@pytest.mark.parametrize("name", by_name())
def test_the_librarys_bare_reading_gives_the_same_rows(name: str, tmp_path: Path) -> None:
    export = by_name()[name]
    export.make(tmp_path)
    title_and_heading = 1 + export.form.header_rows
    assert ROWS <= sum(1 for _ in bare_rows(export, tmp_path)) <= ROWS + title_and_heading


@pytest.mark.parametrize("form", FORMS.values(), ids=FORMS)
def test_every_format_can_be_compared(form: tuple[Form, str], tmp_path: Path) -> None:
    export = an_export(*form, rows=SLICE + ROWS)
    export.make(tmp_path)
    turns = compare(export, tmp_path)
    assert len(turns) == 3
    assert all(turn.adapter > 0 and turn.validation > 0 for turn in turns[:2])


def test_an_old_workbook_is_grown_with_the_heading_of_a_new_one(tmp_path: Path) -> None:
    export = an_export(Sheets(title="台账"), "150600", old=True)
    export.make(tmp_path)
    assert export.file(tmp_path).suffix == ".xls"
    assert len(compare(export, tmp_path)) == 2


def test_free_texts_differ_from_row_to_row() -> None:
    rows = list(an_export(Csv(), "150600").grown())
    for name in ("案件编号", "纠纷名称", "纠纷简述"):
        said = [row[name] for row in rows if name in row]
        assert len(set(said)) == len(said) >= ROWS // 2


def test_a_row_that_is_refused_ends_the_bench(tmp_path: Path) -> None:
    export = an_export(Csv(), "150600")
    export.make(tmp_path)
    lines = export.file(tmp_path).read_bytes().splitlines(keepends=True)
    export.file(tmp_path).write_bytes(b"".join([*lines, lines[-1]]))
    with pytest.raises(RuntimeError, match="150600"):
        compare(export, tmp_path)
    export.file(tmp_path).write_bytes(b"".join(lines[:-1]))
    with pytest.raises(RuntimeError, match=f"{ROWS - 1} drafts of {ROWS} rows"):
        peak(export, tmp_path)


def test_a_peak_is_that_of_the_process_itself(tmp_path: Path) -> None:
    export = an_export(Csv(), "150600")
    export.make(tmp_path)
    before = high_water_mib()
    found = peak(export, tmp_path)
    assert 0 < before <= found["mib"] <= high_water_mib()


def test_exports_are_known_by_their_names_and_old_workbooks_end_where_they_must() -> None:
    every, first = exports(100_000, every_table=True), exports(100_000, every_table=False)
    names = [export.name for export in every]
    assert len(set(names)) == len(names)
    assert {export.name for export in first} <= set(names)
    assert {export.dialect.city for export in first} == set(DIALECTS)
    assert all(export.rows < OLD_ROWS if export.old else export.rows == 100_000 for export in every)
