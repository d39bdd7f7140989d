"""From marshmallow's errors to a JSON pointer (RFC 6901) and a sentence that repeats no value."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, Final, NamedTuple

from marshmallow import ValidationError

from schemas.personal import objection

_SCHEMA: Final = "_schema"
_UNKNOWN: Final = "Unknown field."
_PLAIN_NAME: Final = re.compile(r"[A-Za-z0-9_.+-]{1,64}\Z")


class Explained(NamedTuple):
    """Where it fails, and why."""

    where: str
    detail: str


def first_fault(error: ValidationError) -> Explained:
    """The first fault in the order of the schema; unknown members come last, by name.

    A member's name that the sender made up is repeated only if it is a plain one.
    """
    faults = list(_flatten(_messages(error), ()))
    known = [fault for fault in faults if fault[1] != _UNKNOWN]
    path, message = known[0] if known else min(faults, key=lambda fault: [str(step) for step in fault[0]])
    more = f" ({len(faults) - 1} more)" if len(faults) > 1 else ""
    steps = [str(step) for step in path]
    if message == _UNKNOWN:
        message = "The schema has no such member."
        if not steps or not _PLAIN_NAME.match(steps[-1]) or objection(steps[-1]) is not None:
            steps = steps[:-1]
            message = "Holds a member that the schema does not have."
    where = "".join("/" + step.replace("~", "~0").replace("/", "~1") for step in steps)
    return Explained(where, _sentence(message) + more)


def _messages(error: ValidationError) -> Any:
    return error.messages if isinstance(error.messages, dict) else {_SCHEMA: error.messages}


def _flatten(messages: Any, path: tuple[str | int, ...]) -> Iterator[tuple[tuple[str | int, ...], str]]:
    if isinstance(messages, dict):
        for step, inner in messages.items():
            yield from _flatten(inner, path if step == _SCHEMA else (*path, step))
    else:
        for message in messages:
            yield path, str(message)


def _sentence(message: str) -> str:
    return {
        "Missing data for required field.": "Is required.",
        "Field may not be null.": "Must not be null.",
        "Invalid input type.": "Must be an object.",
    }.get(message, message)
