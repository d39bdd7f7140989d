"""Partner cities, adjacency and codes that changed are three different things."""

import re

from schemas import divisions


def test_partners_are_those_of_the_agreement() -> None:
    assert set(divisions.CITIES) == {
        "610800", "150600", "141100", "140900", "610600", "621000", "640300", "640100", "150200", "620400",
    }  # fmt: skip
    assert divisions.is_city("610800")
    assert not divisions.is_city("610822")
    assert not divisions.is_city("110000")


def test_six_cities_touch_yulin_and_adjacency_goes_both_ways() -> None:
    touching = {"150600", "141100", "140900", "610600", "621000", "640300"}
    assert divisions.ADJACENT["610800"] == touching
    for code, others in divisions.ADJACENT.items():
        assert code not in others
        assert all(code in divisions.ADJACENT[other] for other in others)
    assert not divisions.ADJACENT["640100"]


def test_eighteen_counties_touch_yulin_each_in_a_city_that_does() -> None:
    assert len(divisions.BORDER_COUNTIES) == 18
    assert set(divisions.COUNTIES) >= divisions.BORDER_COUNTIES
    cities = {divisions.city_of(code) for code in divisions.BORDER_COUNTIES}
    assert cities == divisions.ADJACENT["610800"]


def test_old_codes_lead_to_known_ones_that_are_not_old() -> None:
    assert divisions.current("610821") == "610881"
    assert divisions.known("610821")
    for old, new in divisions.REPLACED.items():
        assert old not in divisions.COUNTIES
        assert new in divisions.COUNTIES
        assert divisions.city_of(old) == divisions.city_of(new)


def test_unknown_codes_are_unknown_and_stand_for_themselves() -> None:
    assert not divisions.known("999999")
    assert divisions.current("999999") == divisions.name("999999") == "999999"


def test_every_county_lies_in_a_partner_city_and_has_a_name() -> None:
    for code, name in divisions.COUNTIES.items():
        assert re.fullmatch("[1-9][0-9]{5}", code) and not code.endswith("00")
        assert divisions.is_city(divisions.city_of(code))
        assert re.fullmatch(r"[\u4e00-\u9fff]+[市区县旗]", name)


def test_names_come_in_both_languages() -> None:
    assert divisions.name("610800") == "榆林市"
    assert divisions.name("610800", "en") == "Yulin"
    assert divisions.name("610821") == "神木市"
