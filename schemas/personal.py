"""What looks like a person's number in a text that is not sealed, and what no text may hold.

`RECORDS.md`: public text fields refuse what looks like an identity-document number or a mobile phone;
identity numbers are never carried at all. "Looks like" is judged after NFKC, so full-width and styled
digits count, and with blanks, hyphens or invisible characters between digits:

1. identity card, GB 11643: 18 characters (17 digits and a digit or X) with a birth date of 18xx to 20xx,
   or the 15-digit form of before 1999; not inside a longer run of digits;
2. mobile phone: 1, then 3 to 9, then nine digits, with or without +86, 0086 or a leading 0.

Case numbers, permit numbers and identifiers of alerts are given by authorities, often as a division, a day
and a serial number: of 18 digits, that is what an identity card has, too. In such an official number only
18 characters count whose check digit is right (ISO 7064 MOD 11-2, as GB 11643 has it) and that begin with a
province; ten in eleven others are let through, and so is every run of 15. Mobile phones are looked for
as everywhere.

No answer of this module repeats what it found.
"""

from __future__ import annotations

import re
from typing import Final
from unicodedata import normalize

from schemas.wording import Wording

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
_OFFICIAL: Final = re.compile(rf"(?<![0-9])(?=({_REGION}{_GAP}{_NEW_CARD})(?![0-9]))")
"""Every place where a card's number might begin, one inside another as well."""
_NOT_OF_NUMBER: Final = re.compile(r"[^0-9Xx]")
_PROVINCES: Final = frozenset(
    str(code)
    for codes in ((11, 16), (21, 24), (31, 38), (41, 47), (50, 55), (61, 66))
    for code in range(*codes)
)
"""The first two digits of GB/T 2260 for the provinces, 11 to 65."""
_MOBILE: Final = re.compile(rf"1(?={_GAP}[3-9]{_GAP}{_digits(9)}(?![0-9]))")
"""The first digit of one, wherever it stands; `_BEFORE_MOBILE` says whether it may begin there."""
_BEFORE_MOBILE: Final = re.compile(rf"(?:^|[^0-9])(?:(?:00)?8{_GAP}6{_GAP}|0{_GAP})?\Z")
_LONGEST_PREFIX: Final = 16

_RUN: Final = b"0" * 11
_TO_RUNS: Final = bytes(0x30 if 0x30 <= byte <= 0x39 else 0x2E for byte in range(256))
_ASCII_GAPS: Final = b"\t\n\x0b\x0c\r\x1c\x1d\x1e\x1f -."
_CONTROL: Final = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069]")
"""C0 and C1 but for tab and newline; line separators and the marks that turn text around (Unicode UAX 9)."""

_HOLDS_CONTROL: Final = Wording("含有控制字符", "Holds a control character.")
_HOLDS_IDENTITY: Final = Wording("疑似含有身份证件号码", "Holds what looks like an identity-document number.")
_HOLDS_MOBILE: Final = Wording("疑似含有手机号码", "Holds what looks like a mobile phone number.")

BOUNDARY: Final = "|"
"""Joins texts so that nothing is found across two of them."""


def has_identity_number(text: str) -> bool:
    """Whether `text` holds what looks like an identity-card number."""
    return _IDENTITY.search(normalize("NFKC", text)) is not None


def has_mobile_phone(text: str) -> bool:
    """Whether `text` holds what looks like a mobile phone's number."""
    return _holds_mobile(normalize("NFKC", text))


def objection(text: str, *, phone: bool = False, official: bool = False) -> Wording | None:
    """Why `text` may not stand in a record, in words that repeat nothing of it; None if it may.

    With `phone`, mobile numbers are allowed: the duty desk's phone, and what travels sealed. With
    `official`, the text is an official number.
    """
    if _CONTROL.search(text) is not None:
        return _HOLDS_CONTROL
    plain = text if text.isascii() else normalize("NFKC", text)
    if not _may_hold_eleven_digits(plain):
        return None
    if _holds_checked_card(plain) if official else _IDENTITY.search(plain) is not None:
        return _HOLDS_IDENTITY
    if not phone and _holds_mobile(plain):
        return _HOLDS_MOBILE
    return None


def _holds_checked_card(plain: str) -> bool:
    numbers = (_NOT_OF_NUMBER.sub("", found[1]) for found in _OFFICIAL.finditer(plain))
    return any(number[:2] in _PROVINCES and _check_digit_is_right(number) for number in numbers)


def _check_digit_is_right(number: str) -> bool:
    """ISO 7064 MOD 11-2: the characters, weighted by powers of two from the right, leave 1."""
    digits = [10 if character in "Xx" else int(character) for character in number]
    return sum(digit << place for place, digit in enumerate(reversed(digits))) % 11 == 1


def _holds_mobile(plain: str) -> bool:
    return any(
        _BEFORE_MOBILE.search(plain[max(0, found.start() - _LONGEST_PREFIX) : found.start()]) is not None
        for found in _MOBILE.finditer(plain)
    )


def _may_hold_eleven_digits(plain: str) -> bool:
    """False only where no eleven digits follow each other with gaps alone between them: cheap, and often enough."""
    return _RUN in plain.encode("ascii", "ignore").translate(_TO_RUNS, _ASCII_GAPS)
