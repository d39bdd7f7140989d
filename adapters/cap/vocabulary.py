"""The words of CAP 1.2 and of the profile, side by side, and how times and numbers are spelt in each.

Both directions read these tables, so that what is written can be read back.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Any, Final

CAP_1_2: Final = "urn:oasis:names:tc:emergency:cap:1.2"
CAP_1_1: Final = "urn:oasis:names:tc:emergency:cap:1.1"

PROFILE: Final = "profile:cn.border-exchange:alert:1"
"""The `code` of an alert that was written from the profile."""
PARAMETER: Final = "cn.border-exchange:"
"""Before the name of a `parameter` that carries what CAP has no element for."""
UNDESCRIBED: Final = "undescribed_areas"
"""The parameter that lists, from 1, the areas without a description, which CAP demands (`areaDesc`)."""
DIVISION: Final = "GB/T 2260"
"""The `valueName` of a `geocode` that is a division, as written."""

STATUS: Final = {
    "Actual": "actual",
    "Exercise": "exercise",
    "System": "system",
    "Test": "test",
    "Draft": "draft",
}
MESSAGE_TYPE: Final = {"Alert": "alert", "Update": "update", "Cancel": "cancel"}
NOT_WARNINGS: Final = frozenset({"Ack", "Error"})
"""CAP's `msgType`s that answer a warning; here that is the kind `acknowledgement`."""
SCOPE: Final = {"Public": "public", "Restricted": "restricted", "Private": "private"}
CATEGORY: Final = {
    "Geo": "geo",
    "Met": "met",
    "Safety": "safety",
    "Security": "security",
    "Rescue": "rescue",
    "Fire": "fire",
    "Health": "health",
    "Env": "env",
    "Transport": "transport",
    "Infra": "infra",
    "CBRNE": "cbrne",
    "Other": "other",
}
RESPONSE_TYPE: Final = {
    "Shelter": "shelter",
    "Evacuate": "evacuate",
    "Prepare": "prepare",
    "Execute": "execute",
    "Avoid": "avoid",
    "Monitor": "monitor",
    "Assess": "assess",
    "AllClear": "all_clear",
    "None": "none",
}
URGENCY: Final = {
    "Immediate": "immediate",
    "Expected": "expected",
    "Future": "future",
    "Past": "past",
    "Unknown": "unknown",
}
SEVERITY: Final = {
    "Extreme": "extreme",
    "Severe": "severe",
    "Moderate": "moderate",
    "Minor": "minor",
    "Unknown": "unknown",
}
CERTAINTY: Final = {
    "Observed": "observed",
    "Likely": "likely",
    "Possible": "possible",
    "Unlikely": "unlikely",
    "Unknown": "unknown",
    "Very Likely": "likely",
}
"""`Very Likely` is of CAP 1.0; CAP 1.1 and 1.2 (§3.2.2, certainty) say to read it as `Likely`."""

_DIVISION_NAMES: Final = ("GBT2260", "行政区划代码")
_TIME: Final = re.compile(
    r"([0-9]{4}-[0-9]{2}-[0-9]{2})[Tt]([0-9]{2}:[0-9]{2}:[0-9]{2}(?:\.[0-9]{1,9})?)"
    r"([Zz]|[+-](?:[01][0-9]|2[0-3]):[0-5][0-9])"
)
_HAN: Final = re.compile(r"[\u3400-\u9fff]")
_WIDEST_OFFSET: Final = timedelta(hours=14)


def word(table: Mapping[str, str], code: str) -> str:
    """The CAP word for a code of the profile; where two mean the same, the first."""
    return next(cap for cap, ours in table.items() if ours == code)


def words_of(table: Mapping[str, str]) -> list[str]:
    """The words of a table that are still to be used, one for each code."""
    return [word(table, code) for code in dict.fromkeys(table.values())]


@lru_cache(maxsize=64)
def is_division(value_name: str) -> bool:
    """Whether a geocode's `valueName` says that the value is a GB/T 2260 division."""
    plain = re.sub(r"[\W_]", "", value_name).upper()
    return plain.startswith(_DIVISION_NAMES)


def time_of(text: str) -> datetime | None:
    """The instant of an RFC 3339 time; None if it is not one or has no offset."""
    parts = _TIME.fullmatch(text)
    if parts is None:
        return None
    day, clock, offset = parts.groups()
    try:
        return datetime.fromisoformat(f"{day}T{clock}{'+00:00' if offset in 'Zz' else offset}")
    except ValueError:
        return None


def profile_time(text: str) -> str:
    """The profile's spelling of a time that `time_of` understands: UTC is +00:00 (CAP 1.2 §3.3.2: -00:00)."""
    plain = text.upper()
    plain = plain[:-1] + "+00:00" if plain.endswith("Z") else plain
    return plain[:-6] + "+00:00" if plain.endswith("-00:00") else plain


def cap_time(moment: datetime) -> str:
    """CAP's spelling (1.2 §3.3.2): whole seconds, UTC as -00:00, an offset that XML Schema allows.

    Raises OverflowError for a moment at the edge of the calendar whose offset must be changed.
    """
    offset = moment.utcoffset() or timedelta()
    if abs(offset) > _WIDEST_OFFSET:
        moment = moment.astimezone(UTC)
    written = moment.replace(microsecond=0).isoformat()
    return written[:-6] + "-00:00" if written.endswith("+00:00") else written


def references_of(text: str, *, respelt: bool = True) -> list[dict[str, str]] | None:
    """The references of a `sender,identifier,sent sender,…` text (CAP 1.2 §3.2.1), or None."""
    references = []
    for triple in text.split():
        parts = triple.split(",")
        if len(parts) != 3 or not all(parts) or time_of(parts[2]) is None:
            return None
        references.append(
            {
                "sender": parts[0],
                "identifier": parts[1],
                "sent": profile_time(parts[2]) if respelt else parts[2],
            }
        )
    return references


def language_of(body: Mapping[str, Any]) -> str:
    """The language of a body, which the profile does not carry: Chinese where it holds Chinese characters."""
    texts: Sequence[Any] = (body["event"], body["headline"], body.get("description"), body.get("instruction"))
    return "zh-CN" if any(_HAN.search(text) for text in texts if text) else "en-US"
