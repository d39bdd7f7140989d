"""Days and times as offices write them; local times are Asia/Shanghai and get its offset."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, timedelta, timezone
from datetime import time as time_of_day
from functools import lru_cache
from typing import Any, Final
from zoneinfo import ZoneInfo

from adapters.drafts import Reason
from adapters.limits import EARLIEST_YEAR, LATEST_YEAR
from adapters.values.convert import Converter, Flaw, plain

_BEIJING: Final = timezone(timedelta(hours=8))
SHANGHAI: Final = ZoneInfo("Asia/Shanghai")
_LAST_SUMMER_TIME: Final = 1992
"""Before, clocks in China were changed in summer (1940 to 1949, 1986 to 1991)."""
_SERIAL_DAYS: Final = range(18_264, 73_051)
"""Days since 1899-12-30 of the years 1950 to 2099 (ECMA-376 §18.17.4.1); no other five digits are a day."""
_SERIAL_START: Final = datetime(1899, 12, 30)  # noqa: DTZ001 # a spreadsheet's times have no zone

_LAST_SECOND: Final = int(datetime(LATEST_YEAR + 1, 1, 1, tzinfo=UTC).timestamp())

_SPELLED: Final = re.compile(
    r"(\d{4})\s*(?:[-/.]|年)\s*(\d{1,2})\s*(?:[-/.]|月)\s*(\d{1,2})\s*[日号]?"
    r"(?:[T\s]*(上午|下午)?\s*(\d{1,2})(?:[::]|时|点)(?:(\d{1,2})(?:[::]|分)?(?:(\d{1,2})(\.\d{1,6})?\d*秒?)?)?)?"
    r"\s*(Z|z|[+-]\d{2}:?\d{2})?\Z"
)
_RUN: Final = re.compile(r"(\d{4})(\d{2})(\d{2})(?:\s*(\d{2}):?(\d{2}):?(\d{2})?)?\Z")


class Moment:
    """A day, with a time of day and an offset as far as they were written."""

    __slots__ = ("day", "offset", "time")

    def __init__(self, day: date, time: time_of_day | None = None, offset: timedelta | None = None) -> None:
        self.day = day
        self.time = time
        self.offset = offset


class Date(Converter):
    """A day. `written` is its form on the way out, with %Y, %m and %d.

    A time of day beside it is dropped only if it is midnight, or the dialect says so with `drop_time`.
    `serials` reads five digits of text as a spreadsheet's day number (numbers proper always are).
    """

    def __init__(self, written: str = "%Y-%m-%d", *, serials: bool = False, drop_time: bool = False) -> None:
        self.written = written
        self.serials = serials
        self.drop_time = drop_time

    def read(self, cell: Any) -> Any:
        moment = _moment(cell, self.serials)
        if moment is None:
            return None
        if self.drop_time and moment.offset is None:
            return moment.day.isoformat()
        if moment.time not in (None, time_of_day()) or moment.offset is not None:
            raise Flaw(Reason.BAD_TIME, "该列只填日期，如 2026-11-02", "this column takes a day, 2026-11-02")
        return moment.day.isoformat()

    def write(self, value: Any) -> Any:
        return _filled(self.written, datetime.fromisoformat(value))


class DateTime(Converter):
    """A time, read as Asia/Shanghai unless it has an offset; the record's carries +08:00.

    `at`, such as `"09:00"`, is the time of day that a cell with nothing but a day stands for; without it, such
    a cell is refused. `written` is the form on the way out, with %Y %m %d %H %M %S.
    """

    def __init__(
        self, written: str = "%Y-%m-%d %H:%M:%S", *, at: str | None = None, serials: bool = False
    ) -> None:
        self.written = written
        self.at = None if at is None else time_of_day.fromisoformat(at)
        self.serials = serials

    def read(self, cell: Any) -> Any:
        moment = _moment(cell, self.serials)
        if moment is None:
            return None
        time = moment.time or self.at
        if time is None:
            raise Flaw(
                Reason.BAD_TIME,
                "缺少时刻，请写成 2026-11-02 09:00",
                "the time of day is missing; write it like 2026-11-02 09:00",
            )
        local = datetime.combine(moment.day, time)
        if moment.offset is not None:
            return in_china(local.replace(tzinfo=timezone(moment.offset)))
        return local.isoformat() + _offset(local)

    def write(self, value: Any) -> Any:
        return _filled(self.written, datetime.fromisoformat(value).astimezone(_zone(value)))


class Epoch(Converter):
    """A time as milliseconds since 1970, or seconds with `Epoch(seconds=True)`.

    Seconds among milliseconds would be days of early 1970: such a number is refused, and so is 0. Milliseconds
    among seconds lie beyond the last year.
    """

    def __init__(self, *, seconds: bool = False) -> None:
        self.unit = 1 if seconds else 1000

    def read(self, cell: Any) -> Any:
        text = plain(cell)
        if text is None:
            return None
        found = re.fullmatch(r"(-?\d{1,16})(?:\.0+)?", text)
        if found is None:
            unit_zh, unit_en = ("毫秒", "milliseconds") if self.unit == 1000 else ("秒", "seconds")
            raise Flaw(Reason.BAD_TIME, f"应为自 1970 年起的{unit_zh}数", f"use the {unit_en} since 1970")
        number = int(found[1])
        if self.unit == 1000 and abs(number) <= _LAST_SECOND:
            raise Flaw(
                Reason.BAD_TIME,
                "数值过小，看来是秒数而不是毫秒数，请核对接口",
                "too small for milliseconds: these look like seconds; look at what was exported",
            )
        try:
            moment = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=number * 1000 // self.unit)
        except OverflowError:
            raise _unlikely() from None
        _plausible(moment.year)
        return in_china(moment)

    def write(self, value: Any) -> Any:
        since = datetime.fromisoformat(value) - datetime(1970, 1, 1, tzinfo=UTC)
        return since // timedelta(milliseconds=1000 // self.unit)


def in_china(moment: datetime) -> str:
    """An aware time as records write it, by the clocks of China."""
    local = moment.astimezone(_BEIJING if moment.year >= _LAST_SUMMER_TIME else SHANGHAI)
    return local.isoformat()


def _zone(value: str) -> timezone | ZoneInfo:
    return _BEIJING if int(value[:4]) >= _LAST_SUMMER_TIME else SHANGHAI


def _offset(local: datetime) -> str:
    if local.year >= _LAST_SUMMER_TIME:
        return "+08:00"
    return local.replace(tzinfo=SHANGHAI).isoformat()[-6:]


def _moment(cell: Any, serials: bool) -> Moment | None:
    if isinstance(cell, datetime):
        _plausible(cell.year)
        return Moment(cell.date(), cell.time(), cell.utcoffset())
    if isinstance(cell, date):
        _plausible(cell.year)
        return Moment(cell)
    if type(cell) in (int, float) and int(cell) in _SERIAL_DAYS:
        return _serial(float(cell))
    text = plain(cell)
    if text is None:
        return None
    if serials and re.fullmatch(r"\d{5}(?:\.\d+)?", text) and int(text[:5]) in _SERIAL_DAYS:
        return _serial(float(text))
    return _read(text)


def _serial(number: float) -> Moment:
    moment = _SERIAL_START + timedelta(days=int(number), seconds=round(number % 1 * 86_400))
    return Moment(moment.date(), moment.time() if number % 1 else None)


@lru_cache(maxsize=4096)
def _read(text: str) -> Moment:
    """Raises: Flaw. Exports repeat days and times, so the last few thousand are remembered."""
    found = _SPELLED.match(text)
    if found is not None:
        year, month, day, half, hour, minute, second, fraction, offset = found.groups()
    else:
        run = _RUN.match(text)
        if run is None:
            raise Flaw(
                Reason.BAD_TIME,
                "请写成 2026-11-02 或 2026-11-02 09:00",
                "write it like 2026-11-02 or 2026-11-02 09:00",
            )
        year, month, day, hour, minute, second = run.groups()
        half = fraction = offset = None
    _plausible(int(year))
    try:
        on = date(int(year), int(month), int(day))
        at = None if hour is None else _clock(half, int(hour), int(minute or 0), int(second or 0), fraction)
    except ValueError:
        raise Flaw(
            Reason.BAD_TIME, "日历上没有这一天或这一时刻，请核对", "no such day or time exists; look it up"
        ) from None
    if offset is not None and at is None:
        raise Flaw(Reason.BAD_TIME)
    return Moment(on, at, None if offset is None else _distance(offset))


def _clock(half: str | None, hour: int, minute: int, second: int, fraction: str | None) -> time_of_day:
    if half is not None and (hour == 0 or (half == "上午" and hour >= 12)):
        raise ValueError
    if half == "下午" and hour < 12:
        hour += 12
    microsecond = 0 if fraction is None else int(fraction[1:].ljust(6, "0"))
    return time_of_day(hour, minute, second, microsecond)


def _distance(offset: str) -> timedelta:
    if offset in "Zz":
        return timedelta()
    hours, minutes = int(offset[1:3]), int(offset[-2:])
    if hours > 14 or minutes > 59:
        raise Flaw(Reason.BAD_TIME)
    distance = timedelta(hours=hours, minutes=minutes)
    return -distance if offset[0] == "-" else distance


def _plausible(year: int) -> None:
    if not EARLIEST_YEAR <= year <= LATEST_YEAR:
        raise _unlikely()


def _unlikely() -> Flaw:
    return Flaw(
        Reason.BAD_TIME,
        f"年份不在 {EARLIEST_YEAR} 至 {LATEST_YEAR} 之间，请核对",
        f"the year is not between {EARLIEST_YEAR} and {LATEST_YEAR}; look it up",
    )


def _filled(form: str, moment: datetime) -> str:
    for mark, value in (
        ("%Y", f"{moment.year:04}"), ("%m", f"{moment.month:02}"), ("%d", f"{moment.day:02}"),
        ("%H", f"{moment.hour:02}"), ("%M", f"{moment.minute:02}"), ("%S", f"{moment.second:02}"),
    ):  # fmt: skip
        form = form.replace(mark, value)
    return form
