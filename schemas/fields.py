"""The members that schemas are made of. Each knows three things that must agree:

- `accept(value)`: the rule, and the words for what breaks it; this alone decides;
- `wire_type()`: a msgspec type for the compiled check. What it lets through and `accept` would not is
  named by `scan`: texts and times are looked at together, everything else by calling `accept`;
- `published()`: the JSON Schema that others read.

Values stay what they were in the JSON. Unless `required`, a member may be null or absent, which mean the
same. No message repeats a value.
"""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from datetime import date, datetime
from enum import Enum, auto
from typing import Annotated, Any, ClassVar, Final, Literal

from marshmallow import ValidationError, fields
from msgspec import Meta

from schemas.codes import CodeList
from schemas.personal import objection
from schemas.shape import Shape
from schemas.wording import Wording, refusal

DATE_PATTERN: Final = r"(?:19|2[0-9])[0-9]{2}-[0-9]{2}-[0-9]{2}"
TIME_PATTERN: Final = (
    DATE_PATTERN + r"T[0-9]{2}:[0-9]{2}:[0-9]{2}(?:\.[0-9]{1,6})?(?:Z|[+-](?:[01][0-9]|2[0-3]):[0-5][0-9])"
)

_PRESCRIBED: Final = Wording("规定的格式", "of the prescribed form")


class Scan(Enum):
    """What the compiled check must still look at after the msgspec type has let a value through."""

    NOTHING = auto()
    TEXT = auto()
    PHONE_TEXT = auto()
    OFFICIAL_TEXT = auto()
    TIME = auto()
    ACCEPT = auto()


class Member(fields.Field[Any], ABC):
    """One member. `wire` is its name in the JSON where Python has another use for the name."""

    scan: Scan = Scan.NOTHING

    def __init__(
        self,
        *,
        required: bool = False,
        nullable: bool | None = None,
        wire: str | None = None,
        personal: bool = False,
    ) -> None:
        super().__init__(
            required=required,
            allow_none=(not required) if nullable is None else nullable,
            data_key=wire,
            metadata={"personal": personal},
        )

    @abstractmethod
    def accept(self, value: Any) -> None:
        """Raises ValidationError if `value`, which is not null, may not stand here."""

    @abstractmethod
    def wire_type(self) -> Any:
        """The msgspec type of the values, null apart."""

    @abstractmethod
    def published(self) -> dict[str, Any]:
        """JSON Schema 2020-12 of the values, null apart."""

    def _deserialize(
        self, value: Any, attr: str | None, data: Mapping[str, Any] | None, **kwargs: Any
    ) -> Any:
        self.accept(value)
        return value


class Text(Member):
    """Text for people, of at most `most` characters.

    With `phone`, mobile numbers may stand in it (a duty desk's phone, sealed parts); with `official`, it
    holds a number given by an authority, which only looks like an identity number if the check digit is
    right, too. `pattern`, where given, must match the whole text; `form` says it in words.
    """

    def __init__(
        self,
        most: int,
        *,
        phone: bool = False,
        official: bool = False,
        pattern: str | None = None,
        form: Wording = _PRESCRIBED,
        **member: Any,
    ) -> None:
        super().__init__(**member)
        self.most = most
        self.least = 1 if self.required else 0
        self.phone = phone
        self.official = official
        self.pattern = pattern
        self.form = form
        self.scan = Scan.PHONE_TEXT if phone else Scan.OFFICIAL_TEXT if official else Scan.TEXT
        self._whole = re.compile(rf"(?:{pattern})\Z") if pattern is not None else None

    def accept(self, value: Any) -> None:
        if type(value) is not str:
            raise refusal("须为文字", "Must be text.")
        if len(value) > self.most:
            raise refusal(f"最多 {self.most} 个字符", f"Must have at most {self.most} characters.")
        if len(value) < self.least:
            raise refusal("不得为空", "Must not be empty.")
        if self._whole is not None and self._whole.match(value) is None:
            raise _must_be(self.form)
        if (why := objection(value, phone=self.phone, official=self.official)) is not None:
            raise refusal(why.zh, why.en)

    def wire_type(self) -> Any:
        if self.pattern is None:
            return Annotated[str, Meta(min_length=self.least, max_length=self.most)]
        return Annotated[
            str, Meta(min_length=self.least, max_length=self.most, pattern=rf"^(?:{self.pattern})\Z")
        ]

    def published(self) -> dict[str, Any]:
        schema: dict[str, Any] = {"type": "string", "maxLength": self.most}
        if self.least:
            schema["minLength"] = self.least
        if self.pattern is not None:
            schema["pattern"] = f"^(?:{self.pattern})$"
        return schema


class Patterned(Member):
    """A string of one exact form, which no text check could say more about."""

    pattern: ClassVar[str]
    form: ClassVar[Wording]
    schema: ClassVar[Mapping[str, Any]] = {}

    def accept(self, value: Any) -> None:
        if type(value) is not str or re.fullmatch(self.pattern, value) is None:
            raise _must_be(self.form)

    def wire_type(self) -> Any:
        return Annotated[str, Meta(pattern=rf"^(?:{self.pattern})\Z")]

    def published(self) -> dict[str, Any]:
        return {"type": "string", "pattern": f"^(?:{self.pattern})$", **self.schema}


class Money(Patterned):
    """Yuan, as a decimal string."""

    pattern = r"(?:0|[1-9][0-9]{0,12})(?:\.[0-9]{1,2})?"
    form = Wording(
        "以元为单位的十进制字符串,如 12000.50", "an amount in yuan as a decimal string, such as 12000.50"
    )


class Digest(Patterned):
    """SHA-256 in lower-case hex."""

    pattern = "[0-9a-f]{64}"
    form = Wording("64 位小写十六进制数", "64 lower-case hexadecimal digits")


class Division(Patterned):
    """A division of GB/T 2260; a city's is the one that stands for it in `from` and `to`."""

    pattern = "[1-9][0-9]{5}"
    form = Wording("六位行政区划代码(GB/T 2260)", "a six-digit division code of GB/T 2260")


class RecordId(Patterned):
    """The id of a record: UUID of version 7 or 5 (RFC 9562), lower case."""

    pattern = "[0-9a-f]{8}-[0-9a-f]{4}-[57][0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}"
    form = Wording("小写的 UUID(第 7 或第 5 版)", "a UUID of version 7 or 5 in lower case")
    schema: ClassVar[Mapping[str, Any]] = {"format": "uuid"}


class OpenCode(Patterned):
    """A code of a list that is not closed: RECORDS.md shows one, and says no more."""

    pattern = "[a-z][a-z0-9_-]{0,63}"
    form = Wording(
        "代码:以小写字母开头,其后为小写字母、数字、_ 或 -",
        "a code: a lower-case letter, then letters, digits, _ or -",
    )

    def __init__(self, codes: CodeList, **member: Any) -> None:
        super().__init__(**member)
        self.codes = codes

    def published(self) -> dict[str, Any]:
        return {**super().published(), "examples": list(self.codes.codes)}


class Code(Member):
    """A code of a closed list."""

    def __init__(self, codes: CodeList, **member: Any) -> None:
        super().__init__(**member)
        self.codes = codes

    def accept(self, value: Any) -> None:
        if type(value) is not str or value not in self.codes.codes:
            codes = ", ".join(self.codes.codes)
            raise refusal(f"须为下列代码之一:{codes}", f"Must be one of: {codes}.")

    def wire_type(self) -> Any:
        return Literal[self.codes.codes]

    def published(self) -> dict[str, Any]:
        return {"type": "string", "enum": list(self.codes.codes)}


class DateTime(Member):
    """A time of RFC 3339 with an offset, to the microsecond at most, of the years 1900 to 2999."""

    scan = Scan.TIME

    def accept(self, value: Any) -> None:
        try:
            if type(value) is str and re.fullmatch(TIME_PATTERN, value):
                datetime.fromisoformat(value)
                return
        except ValueError:
            pass
        raise refusal(
            "须为带时区偏移的时间,如 2026-11-21T08:30:00+08:00",
            "Must be a time with an offset, such as 2026-11-21T08:30:00+08:00.",
        )

    def wire_type(self) -> Any:
        return Annotated[datetime, Meta(tz=True)]

    def published(self) -> dict[str, Any]:
        return {"type": "string", "format": "date-time", "pattern": f"^(?:{TIME_PATTERN})$"}


class Date(Member):
    """A day, `YYYY-MM-DD`, of the years 1900 to 2999."""

    scan = Scan.TIME

    def accept(self, value: Any) -> None:
        try:
            if type(value) is str and re.fullmatch(DATE_PATTERN, value):
                date.fromisoformat(value)
                return
        except ValueError:
            pass
        raise refusal("须为日期,如 2026-11-21", "Must be a day such as 2026-11-21.")

    def wire_type(self) -> Any:
        return date

    def published(self) -> dict[str, Any]:
        return {"type": "string", "format": "date", "pattern": f"^(?:{DATE_PATTERN})$"}


class Count(Member):
    """A whole number from `least` to `most`."""

    def __init__(self, most: int, *, least: int = 0, **member: Any) -> None:
        super().__init__(**member)
        self.least = least
        self.most = most

    def accept(self, value: Any) -> None:
        if type(value) is not int or not self.least <= value <= self.most:
            raise refusal(
                f"须为 {self.least} 至 {self.most} 的整数",
                f"Must be a whole number from {self.least} to {self.most}.",
            )

    def wire_type(self) -> Any:
        return Annotated[int, Meta(ge=self.least, le=self.most)]

    def published(self) -> dict[str, Any]:
        return {"type": "integer", "minimum": self.least, "maximum": self.most}


class Flag(Member):
    """True or false."""

    def accept(self, value: Any) -> None:
        if type(value) is not bool:
            raise refusal("须为 true 或 false", "Must be true or false.")

    def wire_type(self) -> Any:
        return bool

    def published(self) -> dict[str, Any]:
        return {"type": "boolean"}


class Number(Member):
    """A finite number from `least` to `most`; floats stand in the contract for WGS 84 positions only."""

    def __init__(self, least: float, most: float, **member: Any) -> None:
        super().__init__(**member)
        self.least = least
        self.most = most

    def accept(self, value: Any) -> None:
        if type(value) not in (int, float) or not self.least <= value <= self.most:
            raise refusal(
                f"须为 {self.least:g} 至 {self.most:g} 的数",
                f"Must be a number from {self.least:g} to {self.most:g}.",
            )

    def wire_type(self) -> Any:
        return Annotated[float, Meta(ge=self.least, le=self.most)]

    def published(self) -> dict[str, Any]:
        return {"type": "number", "minimum": self.least, "maximum": self.most}


class Longitude(Number):
    """Degrees east, WGS 84."""

    def __init__(self, **member: Any) -> None:
        super().__init__(-180, 180, **member)


class Latitude(Number):
    """Degrees north, WGS 84."""

    def __init__(self, **member: Any) -> None:
        super().__init__(-90, 90, **member)


class Part(fields.Nested):
    """An object with a schema of its own."""

    def __init__(
        self,
        shape: type[Shape],
        *,
        required: bool = False,
        nullable: bool | None = None,
        wire: str | None = None,
    ) -> None:
        super().__init__(
            shape,
            required=required,
            allow_none=(not required) if nullable is None else nullable,
            data_key=wire,
        )
        self.shape = shape


class Many(fields.List[Any]):
    """A list of at least `least` and at most `most` items of one form, each another where `distinct`."""

    def __init__(
        self,
        item: Member | Part,
        most: int,
        *,
        least: int = 0,
        distinct: bool = False,
        required: bool = False,
        wire: str | None = None,
    ) -> None:
        item.allow_none = False
        super().__init__(item, required=required, allow_none=not required, data_key=wire)
        self.item = item
        self.least = least
        self.most = most
        self.distinct = distinct

    def accept_distinct(self, value: Sequence[Any]) -> None:
        """Raises ValidationError if two of the items, which are right by themselves, are the same."""
        if len(set(value)) != len(value):
            raise refusal("不得重复", "Must not name anything twice.")

    def _deserialize(
        self, value: Any, attr: str | None, data: Mapping[str, Any] | None, **kwargs: Any
    ) -> list[Any]:
        if type(value) is not list:
            raise refusal("须为列表", "Must be a list.")
        if len(value) > self.most:
            raise refusal(f"最多 {self.most} 项", f"Must have at most {self.most} items.")
        if len(value) < self.least:
            raise refusal(f"最少 {self.least} 项", f"Must have at least {self.least} items.")
        items = super()._deserialize(value, attr, data, **kwargs)
        if self.distinct:
            self.accept_distinct(value)
        return items


def _must_be(form: Wording) -> ValidationError:
    return refusal(f"须为{form.zh}", f"Must be {form.en}.")
