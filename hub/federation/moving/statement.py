"""What the old node of a city states in a hand-over, as the bundle's manifest has it (purpose `move`).

    {"city": "150600", "from": "610800.exchange", "to": "150600.exchange", "departed": "<the entry>", "size": 812,
     "last": 211, "positions": {"140900.exchange": {"after": 640, "number": 57}}, "v": 1}

1. `size` is that of the old log with the city's `departed` entry, `last` the last number of the city's stream in it.
2. `positions` says of each peer how far the old node had fetched its log for the city: up to an index, and to a number
   of the city's stream there (null where it had not met the stream). A peer that is not named was not asked.
3. One statement has one spelling. `size` and `last` stand in the old log; what is said of the new node's own log, that
   holds. Of other peers an index counts up to the last record that the old log says came from there, with its number;
   beyond that the number is left open (`arriving.py`, rule 3).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from hub.errors import Code, Problem
from hub.log.entry import Departed, decode
from hub.store.moves import Position
from schemas import strict_json

VERSION: Final = 1
PEERS: Final = 500
NUMBER_LIMIT: Final = 10**15

_CITY = re.compile(r"[1-9][0-9]{5}")
_NODE = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")


@dataclass(frozen=True, slots=True)
class Statement:
    """A hand-over's statement."""

    city: str
    sender: str
    recipient: str
    departed: str
    size: int
    last: int
    positions: Mapping[str, Position]

    def encode(self) -> str:
        """As the manifest has it."""
        members = {
            "v": VERSION,
            "city": self.city,
            "from": self.sender,
            "to": self.recipient,
            "departed": self.departed,
            "size": self.size,
            "last": self.last,
            "positions": {
                peer: {"after": place.after, "number": place.number} for peer, place in self.positions.items()
            },
        }
        return strict_json.dumps(members).decode()

    @classmethod
    def decode(cls, text: str | None) -> Statement:
        """The inverse. Raises: Problem `malformed`."""
        held = strict_json.loads(text or "")
        try:
            statement = cls(
                _matching(held["city"], _CITY),
                _matching(held["from"], _NODE),
                _matching(held["to"], _NODE),
                str(held["departed"]),
                _number(held["size"], 1),
                _number(held["last"], 0),
                _positions(held["positions"]),
            )
            same = statement.encode() == text
        except (KeyError, TypeError, AttributeError):
            raise _malformed() from None
        if not same:
            raise _malformed()
        statement.check_entry()
        return statement

    def check_entry(self) -> None:
        """The `departed` entry says the same. Raises: Problem `malformed`."""
        entry = decode(self.departed.encode())
        said = (self.city, self.recipient, self.last)
        if not isinstance(entry, Departed) or (entry.city, entry.node, entry.last) != said:
            raise _malformed()


def _matching(value: Any, form: re.Pattern[str]) -> str:
    if not isinstance(value, str) or form.fullmatch(value) is None:
        raise _malformed()
    return value


def _number(value: Any, lowest: int) -> int:
    if type(value) is not int or not lowest <= value < NUMBER_LIMIT:
        raise _malformed()
    return value


def _positions(value: Any) -> dict[str, Position]:
    if not isinstance(value, dict) or len(value) > PEERS:
        raise _malformed()
    return {
        _matching(peer, _NODE): Position(
            _number(place["after"], -1), None if place["number"] is None else _number(place["number"], 0)
        )
        for peer, place in value.items()
    }


def _malformed() -> Problem:
    return Problem(Code.MALFORMED, "the hand-over has no statement in the form of the contract")
