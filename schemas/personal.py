"""What looks like a person's number in a text that is not sealed, and what no text may hold.

`RECORDS.md`: public text fields refuse what looks like an identity-document number or a mobile phone;
identity numbers are never carried at all. "Looks like" is judged after NFKC, so full-width and styled
digits count, and with blanks, hyphens or invisible characters between digits:

1. identity card, GB 11643: 18 characters (17 digits and a digit or X) with a birth date of 18xx to 20xx,
   or the 15-digit form of before 1999; not inside a longer run of digits;
2. mobile phone: 1, then 3 to 9, then nine digits, with or without +86, 0086 or a leading 0.

No answer of this module repeats what it found.
"""

from __future__ import annotations

import re
from typing import Final
from unicodedata import normalize

_GAP: Final = r"[\s\-.‐-―−·\u00ad\u200b-\u200f\u2060\ufeff]{0,3}"
_MONTH: Final = rf"(?:0{_GAP}[1-9]|1{_GAP}[0-2])"
_DAY: Final = rf"(?:0{_GAP}[1-9]|[12]{_GAP}[0-9]|3{_GAP}[01])"


def _digits(count: int) -> str:
    return _GAP.join(["[0-9]"] * count)


_REGION: Final = rf"[1-9]{_GAP}{_digits(5)}"
_CENTURY: Final = rf"(?:1{_GAP}[89]|2{_GAP}0)"
_NEW_CARD: Final = _GAP.join([_CENTURY, _digits(2), _MONTH, _DAY, _digits(3), "[0-9Xx]"])
_OLD_CARD: Final = _GAP.join([_digits(2), _MONTH, _DAY, _digits(3)])

_IDENTITY: Final = re.compile(rf"(?<![0-9]){_REGION}{_GAP}(?:{_NEW_CARD}|{_OLD_CARD})(?![0-9])")
_MOBILE: Final = re.compile(rf"1(?={_GAP}[3-9]{_GAP}{_digits(9)}(?![0-9]))")
"""The first digit of one, wherever it stands; `_BEFORE_MOBILE` says whether it may begin there."""
_BEFORE_MOBILE: Final = re.compile(rf"(?:^|[^0-9])(?:(?:00)?8{_GAP}6{_GAP}|0{_GAP})?\Z")
_LONGEST_PREFIX: Final = 16

_RUN: Final = b"0" * 11
_TO_RUNS: Final = bytes(0x30 if 0x30 <= byte <= 0x39 else 0x2E for byte in range(256))
_ASCII_GAPS: Final = b"\t\n\x0b\x0c\r\x1c\x1d\x1e\x1f -."
_CONTROL: Final = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069]")
"""C0 and C1 but for tab and newline; line separators and the marks that turn text around (Unicode UAX 9)."""

BOUNDARY: Final = "|"
"""Joins texts so that nothing is found across two of them."""


def has_identity_number(text: str) -> bool:
    """Whether `text` holds what looks like an identity-card number."""
    return _IDENTITY.search(normalize("NFKC", text)) is not None


def has_mobile_phone(text: str) -> bool:
    """Whether `text` holds what looks like a mobile phone's number."""
    return _holds_mobile(normalize("NFKC", text))


def objection(text: str, *, phone: bool = False) -> str | None:
    """Why `text` may not stand in a record, in words that repeat nothing of it; None if it may.

    With `phone`, mobile numbers are allowed: the duty desk's phone, and what travels sealed.
    """
    if _CONTROL.search(text) is not None:
        return "Holds a control character."
    plain = text if text.isascii() else normalize("NFKC", text)
    if not _may_hold_eleven_digits(plain):
        return None
    if _IDENTITY.search(plain) is not None:
        return "Holds what looks like an identity-document number."
    if not phone and _holds_mobile(plain):
        return "Holds what looks like a mobile phone number."
    return None


def _holds_mobile(plain: str) -> bool:
    return any(
        _BEFORE_MOBILE.search(plain[max(0, found.start() - _LONGEST_PREFIX) : found.start()]) is not None
        for found in _MOBILE.finditer(plain)
    )


def _may_hold_eleven_digits(plain: str) -> bool:
    """False only where no eleven digits follow each other with gaps alone between them: cheap, and often enough."""
    return _RUN in plain.encode("ascii", "ignore").translate(_TO_RUNS, _ASCII_GAPS)
