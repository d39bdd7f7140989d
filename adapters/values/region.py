"""Divisions of GB/T 2260 and partner cities, by code or by name; old codes become what stands today."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping
from typing import Any, Final

from adapters.drafts import Reason
from adapters.values.convert import Converter, Flaw, plain
from schemas import divisions

_LONG: Final = re.compile(r"(\d{6})(\d{6})\Z")


def _codes_by_name() -> Mapping[str, str]:
    """Names that mean one division only; a city's also without 市."""
    names = [(name, code) for code, name in divisions.COUNTIES.items()]
    for code, city in divisions.CITIES.items():
        names += [(city.zh, code), (city.zh.removesuffix("市"), code)]
    times = Counter(name for name, _ in names)
    return {name: code for name, code in names if times[name] == 1}


BY_NAME: Final = _codes_by_name()


class Division(Converter):
    """A city or county by its six digits, by twelve that end in noughts, or by its name.

    `names` are a city's own words for divisions. `townships` lets the twelve digits of a township stand for
    its county. `written` is `"code"`, `"code12"` or `"name"`.
    """

    def __init__(
        self,
        names: Mapping[str, str] | None = None,
        *,
        written: str = "code",
        townships: bool = False,
    ) -> None:
        self.names = dict(names or {})
        self.written = written
        self.townships = townships
        self._words = {code: name for name, code in reversed(self.names.items())}

    def read(self, cell: Any) -> Any:
        if type(cell) is str and (cell in divisions.COUNTIES or cell in divisions.CITIES):
            return cell
        text = plain(cell)
        if text is None:
            return None
        code = self.names.get(text) or BY_NAME.get(text) or text
        long = _LONG.match(code)
        if long is not None and (self.townships or long.group(2) == "000000"):
            code = long.group(1)
        if not divisions.known(code):
            raise self._unknown()
        return divisions.current(code)

    def write(self, value: Any) -> Any:
        if self.written == "name":
            return self._words.get(value) or divisions.name(value)
        return value + "000000" if self.written == "code12" else value

    def _unknown(self) -> Flaw:
        return Flaw(Reason.UNKNOWN_DIVISION)


class City(Division):
    """A partner city; with `counties`, one of its counties or banners stands for it, too."""

    def __init__(
        self, names: Mapping[str, str] | None = None, *, written: str = "name", counties: bool = False
    ) -> None:
        super().__init__(names, written=written)
        self.counties = counties

    def read(self, cell: Any) -> Any:
        code = super().read(cell)
        if code is None or divisions.is_city(code):
            return code
        if self.counties:
            return divisions.city_of(code)
        raise self._unknown()

    def _unknown(self) -> Flaw:
        cities = "、".join(city.zh for city in divisions.CITIES.values())
        return Flaw(Reason.UNKNOWN_DIVISION, f"请改为协作市：{cities}", f"use a partner city: {cities}")
