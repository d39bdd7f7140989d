"""Entries: what stands in the log, one line of compact JSON each (PROTOCOL section 5, table "Entry").

The rules:

1. Names sorted, no white space, escaped only where JSON needs it; integers and strings only, but for `to`, a
   map of city codes to numbers, and `indexes`, a list of numbers. One entry has one spelling.
2. `v` is 1, `at` an RFC 3339 time with an offset, and every type has exactly the members of its row.
3. An entry holds digests and routing, never contents and never personal data.
4. What is encoded passes the same checks as what is decoded.

`to` numbers each recipient's stream, 1, 2, 3 …, over `accepted` and `received` entries together; a number
left out shows.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Final

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
class Routed(Entry):
    """A record went into the log, numbered for each recipient."""

    id: str
    revision: int
    digest: str
    kind: str
    sender: str
    marking: str
    to: Mapping[str, int]


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


_CLASSES: Final[dict[str, type[Entry]]] = {
    made.type: made
    for made in (Accepted, Received, Served, Opened, Refused, TrustChanged, Erased, Equivocation)
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
    if "indexes" in values:
        values["indexes"] = tuple(values["indexes"])
    return made(**values)
