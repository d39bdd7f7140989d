"""Numbers: counts, money, degrees."""

from __future__ import annotations

import re
from decimal import Decimal, InvalidOperation
from typing import Any, Final

from adapters.drafts import Reason
from adapters.values.convert import Converter, Flaw, plain

_COUNT: Final = re.compile(r"(\d{1,12})(?:\.0+)?\s*[人名个户起件次处条辆]?\Z")
_AMOUNT: Final = re.compile(r"[¥¥]?\s*(\d{1,3}(?:,\d{3})+|\d{1,16})(\.\d{1,8})?\s*(万)?元?\Z")
_DEGREES: Final = re.compile(r"[+-]?\d{1,3}(?:\.\d{1,20})?(?:[eE]-?\d{1,2})?\Z")


class Count(Converter):
    """A whole number, with or without the word for what is counted."""

    def read(self, cell: Any) -> Any:
        if type(cell) is int:
            return cell
        text = plain(cell)
        if text is None:
            return None
        found = _COUNT.match(text)
        if found is None:
            raise Flaw(Reason.BAD_NUMBER, "请填整数，如 7", "write a whole number, such as 7")
        return int(found.group(1))


class Money(Converter):
    """Yuan; `Money(unit="万元")` where bare numbers are ten thousands. 1,200.5元 and 1.2万元 are read."""

    def __init__(self, *, unit: str = "元") -> None:
        self.factor = 10_000 if unit == "万元" else 1

    def read(self, cell: Any) -> Any:
        text = plain(cell)
        if text is None:
            return None
        found = _AMOUNT.match(text)
        if found is None:
            raise Flaw(Reason.BAD_NUMBER, "请填数字金额，如 12000.50", "write an amount, such as 12000.50")
        whole, decimals, ten_thousands = found.groups()
        amount = Decimal(whole.replace(",", "") + (decimals or ""))
        amount *= 10_000 if ten_thousands else 1 if text.endswith("元") else self.factor
        if amount != round(amount, 2):
            raise Flaw(
                Reason.BAD_NUMBER, "金额精确到分，请核对", "an amount has no parts of a cent; look it up"
            )
        return str(int(amount)) if amount == int(amount) else f"{amount:.2f}"

    def write(self, value: Any) -> Any:
        if self.factor == 1:
            return value
        return f"{Decimal(value) / self.factor:f}"


class Degrees(Converter):
    """Longitude or latitude in decimal degrees of WGS 84."""

    def read(self, cell: Any) -> Any:
        if type(cell) is float or type(cell) is int:
            return cell
        text = plain(cell)
        return None if text is None else degrees(text)


class LngLat(Converter):
    """One cell with longitude and latitude, "110.912,39.371": for a column with two fields.

    With `latitude_first` the other way round. Never turned round by itself: a latitude beyond 90 is refused.
    """

    def __init__(self, separator: str = ",", *, latitude_first: bool = False) -> None:
        self.separator = separator
        self.latitude_first = latitude_first

    def read(self, cell: Any) -> Any:
        text = plain(cell)
        if text is None:
            return None
        parts = [part.strip() for part in text.split(self.separator)]
        if len(parts) != 2:
            form = f"110.912{self.separator}39.371"
            raise Flaw(Reason.BAD_GEOMETRY, f"请写成 {form}", f"write it like {form}")
        first, second = (degrees(part) for part in parts)
        longitude, latitude = (second, first) if self.latitude_first else (first, second)
        if abs(latitude) > 90:
            order, en = (
                ("纬度在前、经度在后", "latitude")
                if self.latitude_first
                else ("经度在前、纬度在后", "longitude")
            )
            raise Flaw(
                Reason.BAD_GEOMETRY,
                f"纬度超过 90 度，经纬度看来写反了：应{order}",
                f"a latitude beyond 90: the two look swapped; {en} comes first",
            )
        return longitude, latitude

    def write(self, value: Any) -> Any:
        if None in value:
            raise Flaw(Reason.BAD_GEOMETRY)
        first, second = reversed(value) if self.latitude_first else value
        return f"{first}{self.separator}{second}"


def degrees(text: str) -> float:
    """Raises: Flaw."""
    try:
        if _DEGREES.match(text):
            return float(Decimal(text))
    except InvalidOperation:
        pass
    raise Flaw(Reason.BAD_NUMBER, "请填十进制度数，如 110.912", "write decimal degrees, such as 110.912")
