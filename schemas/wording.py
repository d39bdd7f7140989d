"""Why something is refused, in both languages side by side, in words that repeat no value.

English sentences end with a full stop and stand alone, as the `detail` of a problem does; Chinese ones have
none, so that they can stand in a line of a report.
"""

from __future__ import annotations

from dataclasses import dataclass

from marshmallow import ValidationError


@dataclass(frozen=True, slots=True)
class Wording:
    """A sentence, or part of one, in Chinese and English."""

    zh: str
    en: str


def refusal(zh: str, en: str) -> ValidationError:
    """The error that marshmallow gathers, for `schemas/faults.py` to tell."""
    return ValidationError([Wording(zh, en)])
