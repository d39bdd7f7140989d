"""The converter that fits a field of a schema, for columns that name none."""

from __future__ import annotations

from typing import Any

from adapters.values.choice import Codes, Flag, Labels
from adapters.values.convert import Converter
from adapters.values.number import Count, Degrees, Money
from adapters.values.region import Division
from adapters.values.time import Date, DateTime
from adapters.values.wording import Each, Text
from schemas import fields
from schemas.codes import CodeList


def converter_for(field: Any, given: Converter | None = None) -> Converter | None:
    """`given`, told of the field's codes, or a new one; None where a column cannot hold such a field alone."""
    several = isinstance(field, fields.Many) and isinstance(field.item, fields.Member)
    item = field.item if several else field
    if isinstance(given, Each) and isinstance(item, fields.Member):
        return Each(_fitted(item, given.given), given.separators)
    if several:
        return given or Each(_fitted(item, None))
    if isinstance(field, fields.Member):
        return _fitted(field, given)
    return given


def _fitted(field: fields.Member, given: Converter | None) -> Converter | None:
    codes: CodeList | None = getattr(field, "codes", None)
    if given is not None:
        return given.bound_to(codes) if isinstance(given, Codes) and codes is not None else given
    match field:
        case fields.Code() | fields.OpenCode():
            return Labels(codes=field.codes)
        case fields.DateTime():
            return DateTime()
        case fields.Date():
            return Date()
        case fields.Count():
            return Count()
        case fields.Number():
            return Degrees()
        case fields.Money():
            return Money()
        case fields.Flag():
            return Flag()
        case fields.Division():
            return Division()
        case fields.Text() | fields.Patterned():
            return Text()
    return None
