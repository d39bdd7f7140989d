"""Entries: what stands in the log, one line of compact JSON each (PROTOCOL section 5, table "Entry").

The rules:

1. Names sorted, no white space, escaped only where JSON needs it; integers and strings only, but for `to`, a
   map of city codes to numbers, and `indexes` and `ahead`, lists of numbers. One entry has one spelling.
2. `v` is 1, `at` an RFC 3339 time with an offset, and every type has exactly the members of its row.
3. An entry holds digests and routing, never contents and never personal data.
4. What is encoded passes the same checks as what is decoded.

`to` numbers each recipient's stream, 1, 2, 3 …, over `accepted` and `received` entries together; a number
left out shows. In a `moved` entry it has the numbers of another log.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Final

import orjson

from hub.errors import Code, Problem
from hub.log.form import VERSION, check, numberings
from schemas import strict_json
from schemas.limits import ENTRY_BYTES


@dataclass(frozen=True, slots=True)
class Entry:
    """One entry; `at` is the text of the time at which it was made."""

    type: ClassVar[str]
    at: str


@dataclass(frozen=True, slots=True)
class OfRecord(Entry):
    """A record that is in this log, with the numbers that it has for its recipients in one."""

    id: str
    revision: int
    digest: str
    kind: str
    sender: str
    marking: str
    to: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class Routed(OfRecord):
    """A record went into the log, numbered there for each recipient."""


@dataclass(frozen=True, slots=True)
class Accepted(Routed):
    """A hosted city's system pushed the record here."""

    type: ClassVar[str] = "accepted"


@dataclass(frozen=True, slots=True)
class Received(Routed):
    """The record was pulled from a peer, whose origin and index `via` and `via_index` name."""

    type: ClassVar[str] = "received"
    via: str
    via_index: int


@dataclass(frozen=True, slots=True)
class Moved(OfRecord):
    """The record came with a city that moved here, from the log of `via`; `to` has the numbers of that one."""

    type: ClassVar[str] = "moved"
    via: str
    via_index: int


@dataclass(frozen=True, slots=True)
class Departed(Entry):
    """A city is hosted by `node` from here on; `last` is the last number of its stream in this log by then."""

    type: ClassVar[str] = "departed"
    city: str
    node: str
    last: int


@dataclass(frozen=True, slots=True)
class Hosted(Entry):
    """A city has come, with what the log of `via` held for it at `via_size`, where `last` was its stream's last number.

    Its stream is here from the index `begins` on. Of what was numbered for it in this log, `via` had all up to the
    number `before`, and of those behind it the ones in `ahead`: alerts, which do not wait for their turn.
    """

    type: ClassVar[str] = "hosted"
    city: str
    via: str
    via_size: int
    last: int
    begins: int
    before: int
    ahead: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Served(Entry):
    """Records were handed to the key `by`, at a request of this digest."""

    type: ClassVar[str] = "served"
    by: str
    request: str
    indexes: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Opened(Entry):
    """A person read sealed data."""

    type: ClassVar[str] = "opened"
    by: str
    id: str
    revision: int


@dataclass(frozen=True, slots=True)
class Refused(Entry):
    """A known key tried what it may not."""

    type: ClassVar[str] = "refused"
    by: str
    code: str
    digest: str


@dataclass(frozen=True, slots=True)
class TrustChanged(Entry):
    """A trust list or agreements came into force."""

    type: ClassVar[str] = "trust"
    file: str
    version: int
    digest: str


@dataclass(frozen=True, slots=True)
class Erased(Entry):
    """The record of entry `index` is gone; its entry and its proofs stay."""

    type: ClassVar[str] = "erased"
    index: int
    digest: str
    basis: str


@dataclass(frozen=True, slots=True)
class Equivocation(Entry):
    """Two checkpoint notes of one origin that cannot both be true."""

    type: ClassVar[str] = "equivocation"
    origin: str
    ours: str
    theirs: str


@dataclass(frozen=True, slots=True)
class Epoch(Entry):
    """This log was restored from an old copy, and has another history from here on than `abandoned`, its checkpoint."""

    type: ClassVar[str] = "epoch"
    abandoned: str
    basis: str


_CLASSES: Final[dict[str, type[Entry]]] = {
    made.type: made
    for made in (
        Accepted,
        Received,
        Moved,
        Departed,
        Hosted,
        Served,
        Opened,
        Refused,
        TrustChanged,
        Erased,
        Equivocation,
        Epoch,
    )
}


# --- writing ---


def accepted(
    *,
    at: str,
    id: str,
    revision: int,
    digest: str,
    kind: str,
    sender: str,
    marking: str,
    to: Mapping[str, int],
) -> bytes:
    """The line of an `accepted` entry. As all of these, raises `Problem`: MALFORMED (`where`), TOO_LARGE."""
    members = {
        "at": at,
        "digest": digest,
        "from": sender,
        "id": id,
        "kind": kind,
        "marking": marking,
        "revision": revision,
        "to": dict(to),
        "type": "accepted",
        "v": VERSION,
    }
    line = strict_json.dumps(members)
    return line if numberings((line,))[0] is not None else _write(members)


def received(
    *,
    at: str,
    id: str,
    revision: int,
    digest: str,
    kind: str,
    sender: str,
    marking: str,
    to: Mapping[str, int],
    via: str,
    via_index: int,
) -> bytes:
    """The line of a `received` entry; `to` names only the recipients that this node hosts."""
    members = {
        "at": at,
        "digest": digest,
        "from": sender,
        "id": id,
        "kind": kind,
        "marking": marking,
        "revision": revision,
        "to": dict(to),
        "type": "received",
        "v": VERSION,
        "via": via,
        "via_index": via_index,
    }
    line = strict_json.dumps(members)
    return line if numberings((line,))[0] is not None else _write(members)


def moved(
    *,
    at: str,
    id: str,
    revision: int,
    digest: str,
    kind: str,
    sender: str,
    marking: str,
    to: Mapping[str, int],
    via: str,
    via_index: int,
) -> bytes:
    """The line of a `moved` entry; `to` is that of the entry at `via_index` of the log of `via`."""
    return _write(
        {
            "at": at,
            "digest": digest,
            "from": sender,
            "id": id,
            "kind": kind,
            "marking": marking,
            "revision": revision,
            "to": dict(to),
            "type": "moved",
            "v": VERSION,
            "via": via,
            "via_index": via_index,
        }
    )


def departed(*, at: str, city: str, node: str, last: int) -> bytes:
    """The line of a `departed` entry; `last` is 0 where this log has numbered nothing for the city."""
    return _write(_members("departed", at, city=city, node=node, last=last))


def hosted(
    *,
    at: str,
    city: str,
    via: str,
    via_size: int,
    last: int,
    begins: int,
    before: int,
    ahead: Sequence[int] = (),
) -> bytes:
    """The line of a `hosted` entry; `via_size` and `last` are 0 where nothing was handed over."""
    return _write(
        _members(
            "hosted",
            at,
            city=city,
            via=via,
            via_size=via_size,
            last=last,
            begins=begins,
            before=before,
            ahead=list(ahead),
        )
    )


def served(*, at: str, by: str, request: str, indexes: Sequence[int]) -> bytes:
    """The line of a `served` entry; `by` is a key id, `request` the digest of the signature base."""
    return _write(_members("served", at, by=by, request=request, indexes=list(indexes)))


def opened(*, at: str, by: str, id: str, revision: int) -> bytes:
    """The line of an `opened` entry; `by` is the operator's account."""
    return _write(_members("opened", at, by=by, id=id, revision=revision))


def refused(*, at: str, by: str, code: str, digest: str) -> bytes:
    """The line of a `refused` entry; `by` is a key id, `code` one of section 8."""
    return _write(_members("refused", at, by=by, code=str(code), digest=digest))


def trust(*, at: str, file: str, version: int, digest: str) -> bytes:
    """The line of a `trust` entry; `file` is a TUF target's name."""
    return _write(_members("trust", at, file=file, version=version, digest=digest))


def erased(*, at: str, index: int, digest: str, basis: str) -> bytes:
    """The line of an `erased` entry; `index` and `digest` are the erased record's, `basis` names the rule."""
    return _write(_members("erased", at, index=index, digest=digest, basis=basis))


def equivocation(*, at: str, origin: str, ours: str, theirs: str) -> bytes:
    """The line of an `equivocation` entry; `ours` and `theirs` are the two checkpoints as signed notes."""
    return _write(_members("equivocation", at, origin=origin, ours=ours, theirs=theirs))


def epoch(*, at: str, abandoned: str, basis: str) -> bytes:
    """The line of an `epoch` entry; `abandoned` is a checkpoint that this log signed and does not hold any more."""
    return _write(_members("epoch", at, abandoned=abandoned, basis=basis))


def _members(type_: str, at: str, **members: Any) -> dict[str, Any]:
    return {"v": VERSION, "type": type_, "at": at, **members}


def _write(members: dict[str, Any]) -> bytes:
    check(members)
    line = strict_json.dumps(members)
    if len(line) > ENTRY_BYTES:
        raise Problem(Code.TOO_LARGE, f"an entry is at most {ENTRY_BYTES} bytes")
    return line


# --- reading ---


def decode(line: bytes) -> Entry:
    """The entry of a line. Raises `Problem`: MALFORMED (`where` points to the member), TOO_LARGE."""
    if len(line) > ENTRY_BYTES:
        raise Problem(Code.TOO_LARGE, f"an entry is at most {ENTRY_BYTES} bytes")
    members = strict_json.loads(line)
    if not isinstance(members, dict) or strict_json.dumps(members) != line:
        raise Problem(Code.MALFORMED, "an entry is one line of compact JSON with sorted names")
    made = _CLASSES[check(members)]
    values = {"sender" if name == "from" else name: value for name, value in members.items()}
    del values["v"], values["type"]
    for name in ("indexes", "ahead"):
        if name in values:
            values[name] = tuple(values[name])
    return made(**values)


def decode_routed(lines: Sequence[bytes]) -> list[Routed | None]:
    """The entries of lines that are `accepted` or `received` ones; None for others and broken lines.

    It judges as `decode` does, which says of the others what they are, at a fraction of the cost.
    """
    return [
        None if to is None else _routed(orjson.loads(line), to)
        for line, to in zip(lines, numberings(lines), strict=True)
    ]


def _routed(members: dict[str, Any], to: dict[str, int]) -> Routed:
    names = ("at", "id", "revision", "digest", "kind", "from", "marking")
    at, record_id, revision, digest, kind, sender, marking = (members[name] for name in names)
    routed = (at, record_id, revision, digest, kind, sender, marking, to)
    if members["type"] == Accepted.type:
        return Accepted(*routed)
    return Received(*routed, members["via"], members["via_index"])
