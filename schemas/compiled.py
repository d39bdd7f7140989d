"""The quick check of the good case, made at import from the marshmallow schemas.

Marshmallow alone decides what is valid and says why something is not; it needs some 200 microseconds for a
record. Most records are valid, and for those this module gives the same answer in a tenth of the time:

1. from the schema's fields a tree of msgspec structs is generated; `msgspec.convert` checks types, lengths,
   codes, patterns, calendar days and unknown members in C;
2. what those types cannot say is checked by a walk over the same object, also made from the fields: all
   texts are looked at together for personal numbers and control characters, all times together for their
   spelling, and polygons, repeated items and rules across members by the very functions that marshmallow
   calls;
3. whatever is not plainly right is "not accepted" here, which means nothing but: ask marshmallow.

So acceptance here must imply acceptance there, for every input; a property test holds that. A new kind,
or a new member made of the fields in `schemas/fields.py`, needs nothing in this file.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from typing import Annotated, Any, Final, TypeAlias

import msgspec
from marshmallow import ValidationError, fields

from schemas.fields import DATE_PATTERN, TIME_PATTERN, Many, Member, Part, Scan
from schemas.personal import BOUNDARY, objection
from schemas.shape import Rule, Shape

_TIMES: Final = re.compile(rf"(?:(?:{TIME_PATTERN}|{DATE_PATTERN})\|)*\Z")

_GATHERED: Final = (Scan.TEXT, Scan.PHONE_TEXT, Scan.OFFICIAL_TEXT, Scan.TIME)

Accept: TypeAlias = Callable[[Any], None]


class Found:
    """What one walk gathers to be looked at together."""

    __slots__ = ("due", "official_texts", "phone_texts", "texts", "times")

    def __init__(self) -> None:
        self.texts: list[str] = []
        self.phone_texts: list[str] = []
        self.official_texts: list[str] = []
        self.times: list[str] = []
        self.due: list[tuple[Sequence[Rule], Mapping[str, Any]]] = []
        """Rules across members, each with its object: they may count on every member being right."""

    def of(self, scan: Scan) -> list[str]:
        """The list that strings of this scan go to."""
        if scan is Scan.TEXT:
            return self.texts
        if scan is Scan.PHONE_TEXT:
            return self.phone_texts
        return self.official_texts if scan is Scan.OFFICIAL_TEXT else self.times

    def is_right(self) -> bool:
        """Whether nothing of it breaks the rules for texts, for times and across members."""
        return (
            objection(BOUNDARY.join(self.texts)) is None
            and objection(BOUNDARY.join(self.phone_texts), phone=True) is None
            and objection(BOUNDARY.join(self.official_texts), official=True) is None
            and _TIMES.match("|".join([*self.times, ""])) is not None
            and not any(True for rules, value in self.due for rule in rules for _ in rule(value))
        )


Walk: TypeAlias = Callable[[Mapping[str, Any], Found], None]


class CompiledSchema:
    """The quick check for one schema."""

    def __init__(self, shape: type[Shape]) -> None:
        self._type = _struct(shape)
        self._walk = _walk(shape)
        # msgspec completes a type at its first use, and two threads that both are the first crash it.
        with suppress(msgspec.ValidationError):
            msgspec.convert({}, self._type)

    def accepted(self, value: Any) -> Any | None:
        """A struct with an attribute for each member if `value` is plainly valid; None to ask marshmallow.

        Attributes have the names of the schema's fields, and times are aware datetimes.
        """
        try:
            struct = msgspec.convert(value, self._type)
            found = Found()
            self._walk(value, found)
        except (msgspec.ValidationError, ValidationError):
            return None
        return struct if found.is_right() else None


def _struct(shape: type[Shape]) -> Any:
    """A msgspec struct type with the members of `shape`, unknown ones forbidden."""
    members: list[Any] = []
    for name, field in shape().fields.items():
        kind = _type(field)
        if field.allow_none:
            kind = kind | None
        members.append((name, kind) if field.required else (name, kind, None))
    wire_names = {name: field.data_key or name for name, field in shape().fields.items()}
    return msgspec.defstruct(
        shape.__name__, members, rename=wire_names, forbid_unknown_fields=True, kw_only=True, gc=False
    )


def _type(field: fields.Field[Any]) -> Any:
    if isinstance(field, Part):
        return _struct(field.shape)
    if isinstance(field, Many):
        return Annotated[list[_type(field.item)], msgspec.Meta(min_length=field.least, max_length=field.most)]  # type: ignore[misc]
    if isinstance(field, Member):
        return field.wire_type()
    raise TypeError(f"{type(field).__name__} cannot be compiled; use the fields of schemas/fields.py")


def _walk(shape: type[Shape]) -> Walk:
    """The walk over an object of `shape`, which msgspec has already let through."""
    plan = _Plan()
    for name, field in shape().fields.items():
        plan.add(field.data_key or name, field)
    texts, phone_texts, official_texts, times = (plan.single[scan] for scan in _GATHERED)
    listed = [(scan, wire) for scan in _GATHERED for wire in plan.listed[scan]]
    checks, parts, lists, rules = plan.checks, plan.parts, plan.lists, shape.rules

    def walk(value: Mapping[str, Any], found: Found) -> None:
        get = value.get
        found.texts += [text for wire in texts if (text := get(wire))]
        found.phone_texts += [text for wire in phone_texts if (text := get(wire))]
        found.official_texts += [text for wire in official_texts if (text := get(wire))]
        found.times += [time for wire in times if (time := get(wire))]
        for scan, wire in listed:
            found.of(scan).extend(get(wire) or ())
        for wire, part in parts:
            if (inner := get(wire)) is not None:
                part(inner, found)
        for wire, item in lists:
            for inner in get(wire) or ():
                item(inner, found)
        for wire, accept in checks:
            if (inner := get(wire)) is not None:
                accept(inner)
        if rules:
            found.due.append((rules, value))

    return walk


class _Plan:
    """What a walk does with the members of one schema, by their names in the JSON."""

    def __init__(self) -> None:
        self.single: dict[Scan, list[str]] = {scan: [] for scan in Scan}
        self.listed: dict[Scan, list[str]] = {scan: [] for scan in Scan}
        self.checks: list[tuple[str, Accept]] = []
        self.parts: list[tuple[str, Walk]] = []
        self.lists: list[tuple[str, Walk]] = []

    def add(self, wire: str, field: fields.Field[Any]) -> None:
        """Adds a member."""
        if isinstance(field, Part):
            self.parts.append((wire, _walk(field.shape)))
        elif isinstance(field, Many):
            if field.distinct:
                self.checks.append((wire, field.accept_distinct))
            if isinstance(field.item, Part):
                self.lists.append((wire, _walk(field.item.shape)))
            elif field.item.scan is Scan.ACCEPT:
                self.checks.append((wire, _each(field.item.accept)))
            else:
                self.listed[field.item.scan].append(wire)
        elif isinstance(field, Member):
            if field.scan is Scan.ACCEPT:
                self.checks.append((wire, field.accept))
            else:
                self.single[field.scan].append(wire)


def _each(accept: Accept) -> Accept:
    def accept_each(items: Any) -> None:
        for item in items:
            accept(item)

    return accept_each
