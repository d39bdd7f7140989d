r"""JSON as text. Half a character, as the escape \ud800 without its other half is one, is marked as lost.

Readers of JSON do away with such a half in silence, each in its way: one writes a question mark, another takes
the next character for the other half. Marked, it is refused with the row that it stands in.
"""

from __future__ import annotations

import json
import re
from typing import Any, Final

from adapters.values.convert import LOST

_HALF: Final = re.compile(r"\\u[dD][89a-fA-F]")
_ESCAPE: Final = re.compile(
    r"\\(?:u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}|(u[dD][89a-fA-F][0-9a-fA-F]{2})|.)",
    re.DOTALL,
)
_BEGUN: Final = re.compile(
    r"(?<!\\)(?:\\\\)*((?:\\u[dD][89abAB][0-9a-fA-F]{2})?\\(?:u[0-9a-fA-F]{0,3})?|\\u[dD][89abAB][0-9a-fA-F]{2})\Z"
)


def marked(text: str) -> str:
    """JSON with a mark (`LOST`) before each half of a character, which then stands there as it was written."""
    return _ESCAPE.sub(_mark, text) if _HALF.search(text) is not None else text


def whole_escapes(text: str) -> int:
    """How much of a piece of JSON can be looked at without the next one: up to an escape that may go on there."""
    if text.endswith('"'):
        return len(text)
    begun = _BEGUN.search(text, max(text.rfind('"'), 0))
    return len(text) if begun is None else begun.start(1)


def parsed(text: str) -> Any:
    """What a text says in JSON. Raises: ValueError if it is none."""
    try:
        return json.loads(marked(text))
    except RecursionError as error:
        raise ValueError("nested too deeply") from error


def _mark(escape: re.Match[str]) -> str:
    half = escape.group(1)
    return escape.group() if half is None else f"{LOST}\\\\{half}"
