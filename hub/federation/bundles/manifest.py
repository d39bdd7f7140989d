"""The manifest of a volume: what it holds, of which bundle it is a part, and which node vouches for it.

1. It is a compact JWS (`keys/compact.py`) with `typ` bundle+jws, by a `node` key of the node that it names as `from`.
2. Its payload is JSON in one spelling, with exactly the members of `Manifest`, each within its bounds.
3. All volumes of one bundle say the same of it; they differ in `volume` and `parts`.

What it says is believed only once `verify` has held it against the trust list; `read` alone proves nothing.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any, Final, TypeVar

from hub.answers import ANSWER_BYTES
from hub.errors import Code, Problem
from keys import compact
from keys.suite import SigningKey
from keys.trust_list import Trust
from schemas import strict_json
from schemas.limits import CLOCK_SKEW_SECONDS, NOTE_BYTES

TYP: Final = "bundle+jws"
LINE_BYTES: Final = 4 * 1024 * 1024
"""The longest manifest, as it stands in a volume."""
PARTS: Final = 16_384
"""The most parts of one volume."""
PART_BYTES: Final = ANSWER_BYTES
"""The longest part, which is read into memory whole: as long as an answer over the wire may be."""
VOLUMES: Final = 65_536
COSIGNATURES: Final = 8
STATEMENT_BYTES: Final = 64 * 1024
PLACE_LIMIT: Final = 2**53 - 1
"""The largest size or index: what every reader of JSON and every database tells apart."""
FIXED_BYTES: Final = 256 * 1024
"""So much of a manifest is set aside for all that is not its list of parts."""

_UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[1-8][0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}")
_NODE = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
_PURPOSE = re.compile(r"[a-z]{1,16}")
_PART = re.compile(r"[a-z]{1,16}(?:/[0-9a-z][0-9a-z.-]{0,39}){0,3}")
_DIGEST = re.compile(r"[0-9a-f]{64}")
_TIME = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}\.[0-9]{3}Z")

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Place:
    """How far a node has another's log: so many entries folded, and records fetched up to an index."""

    size: int = 0
    after: int = -1


@dataclass(frozen=True, slots=True)
class Part:
    """One part of a volume: its name, its length in bytes, and its digest."""

    name: str
    length: int
    digest: str

    @property
    def line_bytes(self) -> int:
        """What it takes up in the manifest's line, at most: its members in JSON, in base64."""
        return (len(self.name) + len(self.digest) + 64) * 4 // 3


@dataclass(frozen=True, slots=True)
class Endorsement:
    """A cosignature line by the exporting node's witness, under a checkpoint of the receiving node's log."""

    checkpoint: str
    line: str


@dataclass(frozen=True, slots=True)
class Manifest:
    """What a volume says of itself and of its bundle.

    `since` is where the bundle begins in the exporting node's log, and `until` the index of its last record (or
    `since.after`); `known` is how far the exporting node has the receiving one's log. `statement` is a text that goes
    with a purpose other than an exchange of records.
    """

    purpose: str
    bundle: str
    sender: str
    recipient: str
    made_at: str
    checkpoint: str
    since: Place = Place()
    until: int = -1
    known: Place = Place()
    cosignatures: tuple[Endorsement, ...] = ()
    statement: str | None = None
    volume: int = 1
    volumes: int = 1
    parts: tuple[Part, ...] = field(default=(), repr=False)

    @property
    def made(self) -> datetime:
        return datetime.fromisoformat(self.made_at)

    def same_bundle(self, other: Manifest) -> bool:
        """Whether another volume's manifest says the same of the bundle."""
        return replace(self, volume=1, parts=()) == replace(other, volume=1, parts=())

    def encode(self) -> bytes:
        """The payload."""
        return strict_json.dumps(
            {
                "purpose": self.purpose,
                "bundle": self.bundle,
                "volume": self.volume,
                "volumes": self.volumes,
                "from": self.sender,
                "to": self.recipient,
                "made_at": self.made_at,
                "checkpoint": self.checkpoint,
                "cosignatures": [
                    {"checkpoint": each.checkpoint, "line": each.line} for each in self.cosignatures
                ],
                "since": {"size": self.since.size, "after": self.since.after},
                "until": {"after": self.until},
                "known": {"size": self.known.size, "after": self.known.after},
                "statement": self.statement,
                "parts": [
                    {"name": part.name, "bytes": part.length, "digest": part.digest} for part in self.parts
                ],
            }
        )

    @classmethod
    def decode(cls, payload: bytes) -> Manifest:
        """The inverse. Raises: Problem `malformed`."""
        document = _Members(strict_json.loads(payload))
        since, until, known = (_Members(document.take(name)) for name in ("since", "until", "known"))
        manifest = cls(
            purpose=document.text("purpose", _PURPOSE),
            bundle=document.text("bundle", _UUID),
            volume=document.number("volume", 1, VOLUMES),
            volumes=document.number("volumes", 1, VOLUMES),
            sender=document.text("from", _NODE),
            recipient=document.text("to", _NODE),
            made_at=document.text("made_at", _TIME),
            checkpoint=document.prose("checkpoint", NOTE_BYTES),
            cosignatures=document.each("cosignatures", COSIGNATURES, _endorsement),
            since=_place(since),
            until=until.number("after", -1, PLACE_LIMIT),
            known=_place(known),
            statement=document.optional("statement", STATEMENT_BYTES),
            parts=document.each("parts", PARTS, _part),
        )
        if manifest.volume > manifest.volumes or manifest.encode() != payload:
            raise _malformed()
        if len({part.name for part in manifest.parts}) < len(manifest.parts):
            raise _malformed()
        try:
            _ = manifest.made
        except ValueError:
            raise _malformed() from None
        return manifest

    def sign(self, key: SigningKey) -> str:
        """The JWS of the manifest.

        Raises: Problem `too-large`, `malformed` for one that nobody could read.
        """
        payload = self.encode()
        self.decode(payload)
        jws = compact.write(payload, key, TYP)
        if len(jws) > LINE_BYTES:
            raise Problem(Code.TOO_LARGE, f"a volume's manifest is at most {LINE_BYTES} bytes")
        return jws


@dataclass(frozen=True, slots=True)
class SignedManifest:
    """A manifest in good form whose signature nobody has checked yet: it says what it likes."""

    manifest: Manifest
    _segments: compact.Segments = field(repr=False)

    def verify(self, trust: Trust, now: datetime) -> Manifest:
        """The manifest, held against the trust list: a `node` key of `from` signed it, while it was valid.

        Raises: Problem `unknown-key`, `not-allowed`, `bad-signature`; `stale` for one of the future.
        """
        manifest, key = self.manifest, trust.key(self._segments.kid)
        if manifest.sender not in trust.nodes:
            raise Problem(Code.UNKNOWN_KEY, f"the trust list has no node named {manifest.sender}")
        if key is None:
            raise Problem(Code.UNKNOWN_KEY, "the trust list has not the key that the bundle is signed with")
        if (key.owner_kind, key.use, key.owner) != ("node", "node", manifest.sender):
            raise Problem(Code.NOT_ALLOWED, f"the bundle is not signed with a key of {manifest.sender}")
        compact.check(self._segments, key.verify_key, "the bundle")
        if manifest.made > now + timedelta(seconds=CLOCK_SKEW_SECONDS):
            raise Problem(Code.STALE, "the bundle was made in the future; look at both clocks")
        if not key.valid_at(manifest.made, now):
            raise Problem(
                Code.UNKNOWN_KEY, "the bundle's key was not valid when it was made, or is revoked by now"
            )
        return manifest


def read(line: bytes) -> SignedManifest:
    """A manifest as it stands in a volume. Raises: Problem `malformed`, `too-large`."""
    if len(line) > LINE_BYTES:
        raise Problem(Code.TOO_LARGE, f"a volume's manifest is at most {LINE_BYTES} bytes")
    segments = compact.read(line, TYP)
    return SignedManifest(Manifest.decode(segments.payload), segments)


# --- reading members ---


class _Members:
    """A JSON object that nobody has looked at; that nothing is left over shows in its one spelling."""

    def __init__(self, value: Any) -> None:
        if not isinstance(value, dict):
            raise _malformed()
        self._value: dict[str, Any] = value

    def take(self, name: str) -> Any:
        if name not in self._value:
            raise _malformed()
        return self._value[name]

    def text(self, name: str, form: re.Pattern[str]) -> str:
        value = self.take(name)
        if not isinstance(value, str) or form.fullmatch(value) is None:
            raise _malformed()
        return value

    def prose(self, name: str, length: int) -> str:
        value = self.take(name)
        if not isinstance(value, str) or len(value) > length:
            raise _malformed()
        return value

    def optional(self, name: str, length: int) -> str | None:
        return None if self.take(name) is None else self.prose(name, length)

    def number(self, name: str, lowest: int, highest: int) -> int:
        value = self.take(name)
        if type(value) is not int or not lowest <= value <= highest:
            raise _malformed()
        return value

    def each(self, name: str, most: int, read: Callable[[_Members], T]) -> tuple[T, ...]:
        value = self.take(name)
        if not isinstance(value, list) or len(value) > most:
            raise _malformed()
        return tuple(read(_Members(item)) for item in value)


def _place(members: _Members) -> Place:
    return Place(members.number("size", 0, PLACE_LIMIT), members.number("after", -1, PLACE_LIMIT))


def _endorsement(members: _Members) -> Endorsement:
    return Endorsement(members.prose("checkpoint", NOTE_BYTES), members.prose("line", NOTE_BYTES))


def _part(members: _Members) -> Part:
    return Part(
        members.text("name", _PART), members.number("bytes", 1, PART_BYTES), members.text("digest", _DIGEST)
    )


def _malformed() -> Problem:
    return Problem(Code.MALFORMED, "the volume's manifest has not the form of the contract")
