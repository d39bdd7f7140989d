"""What a file is likely to be that is none of a record's, a receipt's or a log's: so that its reader is told where to
go with it. Nothing is believed of it, and nothing in it is repeated.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from hub.cli.faults import Situation
from hub.errors import Problem
from schemas import strict_json

_BEGINNINGS: Final = {
    b"-----BEGIN": Situation.IS_KEY,
    b"<": Situation.IS_CAP,
    b"\xef\xbb\xbf<": Situation.IS_CAP,
}
_MEMBERS: Final = (
    ({"at", "type", "v"}, Situation.IS_ENTRY),
    ({"kind", "body"}, Situation.IS_DRAFT),
    ({"records"}, Situation.IS_PUSH),
    ({"outcomes", "checkpoint"}, Situation.IS_ANSWER),
    ({"items", "checkpoint"}, Situation.IS_ANSWER),
    ({"signed", "signatures"}, Situation.IS_TRUST),
    ({"cities", "nodes"}, Situation.IS_TRUST),
    ({"agreements", "version"}, Situation.IS_TRUST),
    ({"kty"}, Situation.IS_KEY),
)
_PROFILE_LINES: Final = (b"node =", b"name =", b"trust =", b"node=", b"name=", b"trust=")


def likeness(content: bytes) -> Situation:
    """What a file looks like; READING where it looks like nothing that is known."""
    text = content.lstrip()
    for beginning, situation in _BEGINNINGS.items():
        if text.startswith(beginning):
            return situation
    if text[:1] in (b"{", b"["):
        return _json(text)
    if any(line.startswith(_PROFILE_LINES) for line in text.splitlines()[:40]):
        return Situation.IS_TOML
    return Situation.READING


def _json(text: bytes) -> Situation:
    try:
        value: Any = strict_json.loads(text)
    except Problem:
        return Situation.IS_JSON
    if isinstance(value, Mapping):
        for members, situation in _MEMBERS:
            if members <= value.keys():
                return situation
    return Situation.IS_JSON
