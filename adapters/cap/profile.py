"""The kind `alert` as the schemas know it: what a body must be, and which divisions there are."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Any, Final

from marshmallow import ValidationError

from schemas import divisions
from schemas.compiled import CompiledSchema
from schemas.faults import Fault, faults
from schemas.kinds import kind

KIND: Final = "alert"
VERSION: Final = 1


def flaws(body: Mapping[str, Any]) -> list[Fault]:
    """What is wrong with a body: JSON pointers into it, and why; marshmallow says so, but for the good case."""
    if _compiled().accepted(dict(body)) is not None:
        return []
    try:
        kind(KIND, VERSION).body().load(dict(body))
    except ValidationError as error:
        return faults(error)
    return []


@cache
def _compiled() -> CompiledSchema:
    return CompiledSchema(kind(KIND, VERSION).body)


def division(code: str) -> str | None:
    """The present six-digit code (GB/T 2260) for a code, old ones mapped; None for an unknown one.

    The twelve digits of a city or county in the statistical code (six and six noughts) mean the same; those
    of a township do not, and are unknown.
    """
    six = code[:6] if len(code) == 12 and code.endswith("000000") else code
    return divisions.current(six) if divisions.known(six) else None
