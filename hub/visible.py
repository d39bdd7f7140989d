"""Text from elsewhere, made fit to be shown and kept: no character of it moves a cursor, colours, rings or hides."""

from __future__ import annotations

import re
from typing import Final

REPLACEMENT: Final = "\N{REPLACEMENT CHARACTER}"
_UNSEEN: Final = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069\ud800-\udfff]"
)
"""Controls but for tab and line feed, marks and overrides of direction, lone surrogates."""


def visible(text: str, most: int | None = None) -> str:
    """`text` with what is not to be seen replaced; of a longer one the first `most` characters."""
    return _UNSEEN.sub(REPLACEMENT, text if most is None else text[:most])
