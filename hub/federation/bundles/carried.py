"""A peer as it was when it made a bundle: what a round asks of a node, answered from the volumes.

1. The hashes that came are whole: of every level but the lowest all that the checkpoint's log has, of the lowest all
   from a full tile's beginning on. Whether they are right the round finds out, as with any peer.
2. A page is one part of items, without those that the round has got past.
3. What did not come is `not-found`; nothing else about a hostile bundle ends in anything but a Problem.
"""

from __future__ import annotations

from bisect import bisect_right
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from hub.arrival import Page
from hub.errors import Code, Problem
from hub.federation.bundles.bundle import Bundle
from hub.federation.bundles.manifest import Part
from hub.federation.bundles.volume import unpack
from hub.log.checkpoint import VerifiedCheckpoint
from hub.log.tree import HASH_BYTES
from schemas import strict_json
from schemas.limits import PAGE_RECORDS, TILE_HEIGHT, TILE_WIDTH

RUN: Final = 65_536
"""The most hashes of one part."""
PARTS_AT_HAND: Final = 8


@dataclass(frozen=True, slots=True)
class _Run:
    """Hashes of one level, from the one numbered `first` on."""

    first: int
    name: str
    count: int


class Carried:
    """The peer that a bundle comes from (`hub.federation.round.Peer`).

    Arguments: the bundle; its checkpoint, verified. Raises: Problem `malformed` for parts that are not those of such a
    log.
    """

    def __init__(self, bundle: Bundle, checkpoint: VerifiedCheckpoint) -> None:
        self._bundle = bundle
        self._checkpoint = checkpoint
        self._levels: dict[int, list[_Run]] = {}
        self._items: list[tuple[int, str]] = []
        self._ends: dict[str, int] = {}
        for part in bundle.parts():
            self._sort(part)
        self._items.sort()
        for runs in self._levels.values():
            runs.sort(key=lambda run: run.first)
        self._check_levels()
        self._at_hand: OrderedDict[str, bytes] = OrderedDict()

    @property
    def start(self) -> int:
        """The first leaf that came; the log's size where none did."""
        runs = self._levels.get(0)
        return runs[0].first if runs else self._checkpoint.size

    # -- what a round asks ---------------------------------------------------------------------------

    def checkpoint(self) -> str:
        """The checkpoint as the peer gave it."""
        return self._checkpoint.note

    def tile(self, level: int, number: int, width: int) -> bytes:
        """The first `width` hashes of a tile. Raises: Problem `not-found`, and what reading a volume raises."""
        runs = self._levels.get(level, [])
        first = number * TILE_WIDTH
        place = bisect_right(runs, first, key=lambda run: run.first) - 1
        if place < 0 or first + width > runs[place].first + runs[place].count:
            raise Problem(Code.NOT_FOUND, "the bundle does not reach back as far as this needs")
        begin = (first - runs[place].first) * HASH_BYTES
        return self._hashes(runs[place].name)[begin : begin + width * HASH_BYTES]

    def page(self, after: int, *, wait: int = 0, filters: Mapping[str, str] | None = None) -> Page:
        """The next part of items that has any after an index; nothing is waited for, and there are no filters."""
        place = max(0, bisect_right(self._items, after, key=lambda each: each[0]) - 1)
        for at in range(place, len(self._items)):
            first, name = self._items[at]
            if self._ends.get(name, after + 1) <= after:
                continue
            items = [item for item in self._read_items(first, name) if item["index"] > after]
            if items:
                return Page(items, self._checkpoint, at + 1 < len(self._items))
        return Page([], self._checkpoint, False)

    # -- inside --------------------------------------------------------------------------------------

    def _sort(self, part: Part) -> None:
        match part.name.split("/"):
            case ["items", first]:
                self._items.append((_number(first), part.name))
            case ["hashes", level, first]:
                run = _Run(_number(first), part.name, part.length // HASH_BYTES)
                if part.length % HASH_BYTES or run.count > RUN or run.first % TILE_WIDTH:
                    raise _malformed()
                self._levels.setdefault(_number(level), []).append(run)
            case _:
                raise _malformed()

    def _check_levels(self) -> None:
        """Rule 1."""
        counts, count = list[int](), self._checkpoint.size
        while count:
            counts.append(count)
            count >>= TILE_HEIGHT
        if any(level >= len(counts) for level in self._levels):
            raise _malformed()
        for level, count in enumerate(counts):
            runs = self._levels.get(level, [])
            if level == 0 and not runs:
                continue
            reached = runs[0].first if level == 0 else 0
            for run in runs:
                if run.first != reached or (run.count % TILE_WIDTH and run is not runs[-1]):
                    raise _malformed()
                reached += run.count
            if reached != count:
                raise _malformed()

    def _hashes(self, name: str) -> bytes:
        if name not in self._at_hand:
            self._at_hand[name] = self._bundle.read(name)
            if len(self._at_hand) > PARTS_AT_HAND:
                self._at_hand.popitem(last=False)
        self._at_hand.move_to_end(name)
        return self._at_hand[name]

    def _read_items(self, first: int, name: str) -> list[dict[str, Any]]:
        items = read_items(self._bundle.read(name))
        if items[0]["index"] != first:
            raise _malformed()
        self._ends[name] = items[-1]["index"]
        return items


def read_items(part: bytes) -> list[dict[str, Any]]:
    """The items of a part, each an object with an index; nothing else about them is looked at.

    Raises: Problem `malformed`, `too-large`.
    """
    items = strict_json.loads(unpack(part))
    if not isinstance(items, list) or not 1 <= len(items) <= PAGE_RECORDS:
        raise _malformed()
    if not all(isinstance(item, dict) and type(item.get("index")) is int for item in items):
        raise _malformed()
    return items


def _number(text: str) -> int:
    if not text.isascii() or not text.isdigit() or len(text) > 19 or (text[0] == "0" and text != "0"):
        raise _malformed()
    return int(text)


def _malformed() -> Problem:
    return Problem(Code.MALFORMED, "the bundle's parts are not those of the log that it is of")
