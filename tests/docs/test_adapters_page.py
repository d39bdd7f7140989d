"""The city file that docs/adapters.md shows reads the export beside it, and the tables name what there is."""

from __future__ import annotations

import io
import re
from pathlib import Path

import pytest
from pages import ROOT, fenced, marked, read

from adapters import formats, values
from adapters.cities import DIALECTS, read_city
from adapters.drafts import Draft, Note, Rejection
from adapters.translation import read as outcomes_of
from hub.offices.settings import read_offices

PAGE = ROOT / "docs" / "adapters.md"
PAGES = (PAGE, ROOT / "docs" / "zh" / "adapters.md")


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.parent.name)
def test_the_example_city_reads_the_example_export(page: Path, tmp_path: Path) -> None:
    file = tmp_path / "city.py"
    file.write_text(marked(page, "python", "example=city"), encoding="utf-8")
    export = marked(page, "csv", "example=export").encode("gb18030")
    outcomes = list(outcomes_of(read_city(file), io.BytesIO(export)))
    drafts = [outcome for outcome in outcomes if isinstance(outcome, Draft)]
    assert not [outcome for outcome in outcomes if isinstance(outcome, Rejection)]
    assert [draft.body["state"] for draft in drafts] == ["mediating", "registered"]
    assert drafts[1].recipients == ("150600", "610600")
    assert drafts[0].private == {"parties": [{"role": "applicant", "name": "张某", "phone": "13900000001"}]}
    assert sum(outcome.rows for outcome in outcomes if isinstance(outcome, Note)) == 1


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.parent.name)
def test_the_example_of_hub_toml_is_taken_as_it_stands(page: Path, tmp_path: Path) -> None:
    (example,) = [block for _info, block in fenced(read(page), "toml")]
    config = tmp_path / "hub.toml"
    config.write_text(example, encoding="utf-8")
    (office,) = read_offices(config)
    assert [source.access.name for source in office.sources] == ["mediation", "inspection"]
    assert [sink.access.name for sink in office.sinks] == ["arrivals"]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.parent.name)
def test_every_form_converter_and_city_is_named(page: Path) -> None:
    text = read(page)
    named = set(re.findall(r"`([A-Z][A-Za-z]+)[`(]", text))
    forms = {name for name in formats.__all__ if isinstance(getattr(formats, name), type)}
    described = {"Entry", "Form", "Item", "Line", "Outgoing"}
    assert forms - described <= named
    assert {"Codes", "Labels", "Flag", "Date", "DateTime", "Division", "City", "Each"} <= named
    assert named & set(values.__all__)
    assert all(city in text for city in DIALECTS)
