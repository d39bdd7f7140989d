"""What every schema of this project is: strict about unknown members, and checked across members by plain rules.

A rule is a function over the JSON object as it came, called only when every member of the object is right
by itself. It yields a `Breach` for each thing that is wrong. Both the compiled check and marshmallow call
the same rules, so they cannot come to differ on them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, NamedTuple, TypeAlias

from marshmallow import RAISE, Schema, ValidationError, validates_schema
from marshmallow.exceptions import SCHEMA

from schemas.wording import Wording


class Breach(NamedTuple):
    """A rule that is broken: the path from the object at hand, empty for the object itself, and why."""

    path: tuple[str | int, ...]
    wording: Wording


Rule: TypeAlias = Callable[[Mapping[str, Any]], Iterator[Breach]]


@dataclass(frozen=True, slots=True)
class Warning:
    """Something the sender should look at; never a reason to refuse. `where` is a JSON pointer."""

    code: str
    where: str
    zh: str
    en: str


class Shape(Schema):
    """A JSON object of the wire contract."""

    class Meta:
        unknown = RAISE

    rules: ClassVar[tuple[Rule, ...]] = ()

    @validates_schema(pass_original=True, skip_on_field_errors=True)
    def _across_members(self, _data: Any, original: Any, **_kwargs: Any) -> None:
        messages: dict[Any, Any] = {}
        for rule in self.rules:
            for breach in rule(original):
                *steps, last = breach.path or (SCHEMA,)
                at = messages
                for step in steps:
                    at = at.setdefault(step, {})
                at.setdefault(last, []).append(breach.wording)
        if messages:
            raise ValidationError(messages)
