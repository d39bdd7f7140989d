"""Files as others made them: each ends as a draft or as refusals that name what is wrong."""

from __future__ import annotations

from typing import Any

import pytest
from cap_alerts import (
    DATA,
    SENDER,
    SENT,
    needs_data,
    only,
    refused,
    standard,
)
from lxml import etree

from adapters.cap import CAP_1_2, profile, read_cap, to_cap
from adapters.cap.vocabulary import time_of
from adapters.drafts import Reason

OUTCOMES: dict[str, list[tuple[str, Reason]]] = {
    "oasis-example1.xml": [],
    "oasis-example2.xml": [],
    "oasis-example3.xml": [],
    "oasis-example4.xml": [],
    "google-canada.cap": [],
    "google-canada_errors.cap": [("references", Reason.MISSING)],
    "google-earthquake-iso8859-1.cap": [],
    "google-earthquake.cap": [],
    "google-invalid.cap": [("scope", Reason.MISSING)],
    "google-no_optional_fields.cap": [("info", Reason.MISSING)],
    "google-noaa_errors.cap": [
        ("info/urgency", Reason.MISSING),
        ("info/severity", Reason.MISSING),
        ("info/certainty", Reason.MISSING),
        ("info/area/polygon[1]", Reason.BAD_GEOMETRY),
    ],
    "google-weather.cap": [],
    "google-xee.cap": [("/", Reason.FORBIDDEN_MARKUP)],
    "CAP-v1.2.xsd": [("schema", Reason.WRONG_FORMAT)],
}


@needs_data
def test_every_sample_is_accounted_for() -> None:
    assert {path.name for path in DATA.iterdir()} == set(OUTCOMES)


@needs_data
@pytest.mark.parametrize("name", OUTCOMES)
def test_a_sample_ends_as_a_draft_or_as_named_refusals(name: str) -> None:
    report = read_cap((DATA / name).read_bytes(), default_geocodes=["150600"])
    if OUTCOMES[name]:
        assert refused(report) == OUTCOMES[name]
    else:
        draft = only(report)
        assert (draft.kind, draft.version, draft.private) == ("alert", 1, None)
        assert profile.flaws(draft.body) == []


@needs_data
@pytest.mark.parametrize("name", [name for name, flaws in OUTCOMES.items() if not flaws])
def test_a_sample_comes_out_again_as_valid_cap_with_all_that_the_profile_carries(
    name: str,
) -> None:
    draft = only(read_cap((DATA / name).read_bytes(), default_geocodes=["150600"]))
    out = to_cap(draft.body, sender=SENDER, sent=SENT)
    standard()(out)
    again = only(read_cap(out))
    assert again.body == draft.body
    assert again.supplied == ()


def _meaning(text: str) -> Any:
    """Times are compared as instants: files in the wild spell UTC +00:00, the standard -00:00."""
    return time_of(text) or text


CARRIED = {
    **{name: f"cap:info[1]/cap:{name}" for name in ("event", "headline", "description", "instruction")},
    **{name: f"cap:info[1]/cap:{name}" for name in ("category", "urgency", "severity", "certainty")},
    **{name: f"cap:info[1]/cap:{name}" for name in ("responseType", "onset", "expires")},
    **{name: f"cap:{name}" for name in ("identifier", "status", "msgType", "references")},
    "area": "cap:info[1]/cap:area/cap:areaDesc",
    "polygon": "cap:info[1]/cap:area/cap:polygon",
}


@needs_data
@pytest.mark.parametrize(
    "name", ["oasis-example2.xml", "google-canada.cap", "google-earthquake-iso8859-1.cap"]
)
@pytest.mark.parametrize("path", CARRIED.values(), ids=CARRIED)
def test_an_element_that_the_profile_carries_is_the_same_in_the_file_that_comes_out(
    name: str, path: str
) -> None:
    data = (DATA / name).read_bytes()
    out = to_cap(only(read_cap(data, default_geocodes=["150600"])).body, sender=SENDER, sent=SENT)
    before, after = (
        [_meaning(node.text) for node in etree.fromstring(xml).xpath(path, namespaces={"cap": CAP_1_2})]
        for xml in (data, out)
    )
    assert after == before


@needs_data
def test_the_terror_notice_of_the_standard_becomes_an_alert_and_says_what_was_added_and_left() -> None:
    draft = only(read_cap((DATA / "oasis-example1.xml").read_bytes(), default_geocodes=["150600"]))
    assert draft.local_number == "hsas@dhs.gov,43b080713727,2003-04-02T14:39:01-05:00"
    assert draft.body["headline"] == "Homeland Security Sets Code ORANGE"
    assert draft.body["instruction"].startswith(" A High Condition")
    assert {each.field: each.value for each in draft.supplied} == {
        "info/effective": "2003-04-02T14:39:01-05:00",
        "info/expires": "2003-04-03T14:39:01-05:00",
        "info/area/geocode": "150600",
    }
    assert set(draft.not_carried) == {
        "sender", "sent", "scope", "info/senderName", "info/web", "info/parameter[HSAS]", "info/resource",
    }  # fmt: skip


@needs_data
def test_the_translation_of_an_info_is_named_as_left_behind() -> None:
    draft = only(read_cap((DATA / "oasis-example4.xml").read_bytes(), default_geocodes=["150600"]))
    assert draft.body["event"] == "Child Abduction"
    assert "info[2]" in draft.not_carried
    assert "info[1]/contact" in draft.not_carried


@needs_data
def test_latin_1_text_keeps_its_accents() -> None:
    report = read_cap((DATA / "google-earthquake-iso8859-1.cap").read_bytes(), default_geocodes=["150600"])
    assert "Usulután" in only(report).body["headline"]


@needs_data
def test_without_divisions_an_american_alert_is_refused_and_told_which_to_give() -> None:
    report = read_cap((DATA / "oasis-example2.xml").read_bytes())
    assert refused(report) == [("info/area/geocode", Reason.MISSING)]
    assert "GB/T 2260" in report.rejections[0].line()
