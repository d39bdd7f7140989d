"""Divisions of GB/T 2260 (RECORDS.md, Divisions): partner cities, which of them touch, and codes that changed.

The data stand in `divisions.toml`. Being a partner and being adjacent are separate things. Schemas ask
only for the form of a code; adapters ask here whether it is known, map an old one and quarantine an
unknown one.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final


@dataclass(frozen=True, slots=True)
class PartnerCity:
    """A city of the agreement, with the province that it belongs to."""

    code: str
    zh: str
    en: str
    province_zh: str
    province_en: str


def _read() -> dict[str, Any]:
    with (Path(__file__).parent / "divisions.toml").open("rb") as file:
        return tomllib.load(file)


_DATA: Final = _read()

CITIES: Final[Mapping[str, PartnerCity]] = {
    code: PartnerCity(code=code, **city) for code, city in _DATA["cities"].items()
}
COUNTIES: Final[Mapping[str, str]] = _DATA["counties"]
"""Chinese names of the counties, banners and districts of the partner cities."""
ADJACENT: Final[Mapping[str, frozenset[str]]] = {
    code: frozenset(_DATA["adjacent"].get(code, ()))
    | {other for other, touched in _DATA["adjacent"].items() if code in touched}
    for code in CITIES
}
"""Which partner cities share a boundary with which, as far as the data say."""
BORDER_COUNTIES: Final = frozenset(_DATA["border_counties"]["codes"])
REPLACED: Final[Mapping[str, str]] = _DATA["replaced"]
"""Codes no longer used, and what they became."""


def is_city(code: str) -> bool:
    """Whether `code` is a partner city's."""
    return code in CITIES


def known(code: str) -> bool:
    """Whether `code` is, or was, the code of a partner city or of a county in one."""
    return code in CITIES or code in COUNTIES or code in REPLACED


def current(code: str) -> str:
    """The code that stands today for `code`, which may be an old one."""
    return REPLACED.get(code, code)


def city_of(code: str) -> str:
    """The code of the city that a division belongs to."""
    return code[:4] + "00"


def name(code: str, language: str = "zh") -> str:
    """The name of a city or county; a county that is not known by name is its code.

    English names are given for cities; counties have their Chinese name in both languages.
    """
    code = current(code)
    if code in CITIES:
        return CITIES[code].en if language == "en" else CITIES[code].zh
    return COUNTIES.get(code, code)
