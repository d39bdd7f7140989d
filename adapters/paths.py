"""Where in a record a column goes: a path, looked up in the schema of its kind and made ready to be used.

    path     = ["private/"] step *("/" step)
    step     = member [ "[" selector "]" ]
    selector = "*" / number / member "=" value *("," member "=" value)

Only one step may have a selector. A path that the schema does not have is a mistake in a city's file, told as
a `Problem` that names it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from hub.errors import Code, Problem
from schemas.fields import Many, Part
from schemas.kinds import Kind
from schemas.shape import Shape

PRIVATE: Final = "private"
BODY: Final = "body"
_STEP: Final = re.compile(r"([a-z][a-z0-9_]*)(?:\[([^\[\]/]+)\])?\Z")


@dataclass(frozen=True, slots=True)
class Slot:
    """Items of a list: the one at `position` (from 1), the one with `constants`, or each (`every`)."""

    position: int | None
    every: bool
    constants: Mapping[str, str]

    def fits(self, item: Mapping[str, Any]) -> bool:
        """Whether an item may stand here, by its constants."""
        return all(item.get(name) == value for name, value in self.constants.items())


@dataclass(frozen=True, slots=True)
class Path:
    """A path that the schema has. `outer` leads to the list or to the field, `inner` from an item to the field."""

    text: str
    root: str
    outer: tuple[str, ...]
    slot: Slot | None
    slot_text: str
    inner: tuple[str, ...]
    field: Any

    @property
    def list_key(self) -> tuple[str, ...]:
        """The list that the slot is in."""
        return (self.root, *self.outer)


def resolve(kind: Kind, text: str) -> Path:
    """The path in the schemas of `kind`.

    Raises: Problem: `invalid`, naming the path.
    """
    steps = text.split("/")
    root = PRIVATE if steps[0] == PRIVATE else BODY
    shape = kind.private if root == PRIVATE else kind.body
    if shape is None:
        raise _unknown(kind, text)
    return resolve_in(kind, shape, root, text, steps[1:] if root == PRIVATE else steps)


def resolve_in(kind: Kind, shape: type[Shape], root: str, text: str, steps: list[str]) -> Path:
    """The path from an object of `shape`."""
    outer: list[str] = []
    inner: list[str] = []
    slot: Slot | None = None
    slot_text = ""
    field: Any = Part(shape)
    for step in steps:
        found = _STEP.match(step)
        if found is None or not isinstance(field, Part):
            raise _unknown(kind, text)
        name, selector = found.groups()
        field = member_of(field.shape, name)
        if field is None:
            raise _unknown(kind, text)
        (outer if slot is None else inner).append(name)
        if selector is not None:
            if slot is not None or not isinstance(field, Many):
                raise _unknown(kind, text)
            field = field.item
            slot, slot_text = _slot(kind, text, selector), selector
    return Path(text, root, tuple(outer), slot, slot_text, tuple(inner), field)


def member_of(shape: type[Shape], name: str) -> Any:
    """The field of that name in the JSON, or None."""
    return next((f for key, f in shape().fields.items() if (f.data_key or key) == name), None)


def _slot(kind: Kind, text: str, selector: str) -> Slot:
    position: int | None = None
    every = False
    constants: dict[str, str] = {}
    for part in selector.split(","):
        name, equals, value = part.strip().partition("=")
        if equals:
            constants[name] = value
        elif name == "*":
            every = True
        elif name.isdigit() and int(name) >= 1:
            position = int(name)
        else:
            raise _unknown(kind, text)
    return Slot(position, every, constants)


def _unknown(kind: Kind, text: str) -> Problem:
    return Problem(Code.INVALID, f"{kind.name} has no {text}", where=text)
