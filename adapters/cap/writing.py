"""A body of the profile -> CAP 1.2 XML that the standard's schema accepts.

Everything the body holds is written so that `read_cap` gives the same body back: what CAP has no element for
as a parameter of this project, and beside an element that cannot hold a value exactly (CAP's times have whole
seconds) the value itself. The order of elements is that of the standard's schema.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, Final

from lxml import etree

from adapters.cap import profile
from adapters.cap.elements import is_token
from adapters.cap.geometry import circle_text, polygon_text
from adapters.cap.vocabulary import (
    CAP_1_2,
    CATEGORY,
    CERTAINTY,
    DIVISION,
    MESSAGE_TYPE,
    PARAMETER,
    PROFILE,
    RESPONSE_TYPE,
    SEVERITY,
    STATUS,
    UNDESCRIBED,
    URGENCY,
    cap_time,
    language_of,
    profile_time,
    time_of,
    word,
)
from hub.errors import Code, Problem

RESTRICTION: Final = "仅限所列收件城市,不得公开 / For the addressed cities only, not for publication"
_TIMES: Final = ("effective", "onset", "expires")
_OWN: Final = ("colour", "duty_office", "duty_phone", "acknowledge_within")


def to_cap(body: Mapping[str, Any], *, sender: str, sent: datetime, recipients: Sequence[str] = ()) -> bytes:
    """CAP 1.2 XML of an alert's body, in UTF-8.

    `sender` names the issuing city's node (no white space, commas, < or &), `sent` is when the record was
    issued, `recipients` are the cities it is for. Raises `Problem` (invalid, with `where`) if the body is not
    one of the profile, holds a character that XML cannot, or an argument is wrong.
    """
    if not is_token(sender) or sent.tzinfo is None:
        raise Problem(Code.INVALID, "sender must be one word, sent must have an offset")
    for flaw in profile.flaws(body):
        raise Problem(Code.INVALID, flaw.detail, where=flaw.where)
    alert = etree.Element(f"{{{CAP_1_2}}}alert", nsmap={None: CAP_1_2})  # type: ignore[dict-item]  # lxml takes None
    _leaf(alert, "identifier", body["identifier"], "/identifier")
    _leaf(alert, "sender", sender, "")
    _leaf(alert, "sent", _time(sent, ""), "")
    _leaf(alert, "status", word(STATUS, body["status"]), "")
    _leaf(alert, "msgType", word(MESSAGE_TYPE, body["message_type"]), "")
    _leaf(alert, "scope", "Restricted", "")
    _leaf(alert, "restriction", RESTRICTION, "")
    if recipients:
        _leaf(alert, "addresses", " ".join(recipients), "")
    _leaf(alert, "code", PROFILE, "")
    references = body.get("references") or []
    if references:
        _leaf(alert, "references", _references(references), "/references")
    _info(alert, body)
    return etree.tostring(alert, xml_declaration=True, encoding="UTF-8", pretty_print=True)


def _info(alert: etree._Element, body: Mapping[str, Any]) -> None:
    info = _branch(alert, "info")
    _leaf(info, "language", language_of(body), "")
    for category in body["category"]:
        _leaf(info, "category", word(CATEGORY, category), "")
    _leaf(info, "event", body["event"], "/event")
    for response in body.get("response_types") or []:
        _leaf(info, "responseType", word(RESPONSE_TYPE, response), "")
    for name, table in (("urgency", URGENCY), ("severity", SEVERITY), ("certainty", CERTAINTY)):
        _leaf(info, name, word(table, body[name]), "")
    for name in _TIMES:
        if body.get(name) is not None:
            _leaf(info, name, _rough(body[name], f"/{name}"), "")
    _optional(info, "senderName", body, "duty_office")
    for name in ("headline", "description", "instruction"):
        _optional(info, name, body, name)
    _optional(info, "contact", body, "duty_phone")
    for name, value in _parameters(body):
        _pair(info, "parameter", PARAMETER + name, value, f"/{name}")
    for number, area in enumerate(body["areas"]):
        _area(info, area, f"/areas/{number}")


def _parameters(body: Mapping[str, Any]) -> Iterable[tuple[str, str]]:
    """What no element of CAP holds, or none holds exactly."""
    for name in _OWN:
        if body.get(name) is not None:
            yield name, str(body[name])
    for name in _TIMES:
        if body.get(name) is not None and profile_time(_rough(body[name], f"/{name}")) != body[name]:
            yield name, body[name]
    references = body.get("references") or []
    if any(profile_time(_rough(each["sent"], "/references")) != each["sent"] for each in references):
        triples = (f"{each['sender']},{each['identifier']},{each['sent']}" for each in references)
        yield "references", " ".join(triples)
    undescribed = [str(n) for n, area in enumerate(body["areas"], 1) if area.get("description") is None]
    if undescribed:
        yield UNDESCRIBED, ",".join(undescribed)


def _area(info: etree._Element, area: Mapping[str, Any], where: str) -> None:
    element = _branch(info, "area")
    description = area.get("description")
    words = ", ".join(area["geocodes"]) if description is None else description
    _leaf(element, "areaDesc", words, f"{where}/description")
    if area.get("polygon") is not None:
        _leaf(element, "polygon", polygon_text(area["polygon"]), "")
    if area.get("circle") is not None:
        _leaf(element, "circle", circle_text(area["circle"]), "")
    for geocode in area["geocodes"]:
        _pair(element, "geocode", DIVISION, geocode, "")


def _references(references: Sequence[Mapping[str, str]]) -> str:
    """`sender,identifier,sent` triples (CAP 1.2 §3.2.1); the profile's names have no spaces or commas."""
    return " ".join(
        f"{each['sender']},{each['identifier']},{_rough(each['sent'], '/references')}" for each in references
    )


def _rough(text: str, where: str) -> str:
    """A time of the profile in CAP's spelling, which drops fractions of a second."""
    moment = time_of(text)
    if moment is None:
        raise Problem(Code.INVALID, "not a time with an offset", where=where)
    return _time(moment, where)


def _time(moment: datetime, where: str) -> str:
    try:
        return cap_time(moment)
    except OverflowError as error:
        raise Problem(Code.INVALID, "a time at the edge of the calendar", where=where) from error


def _branch(parent: etree._Element, name: str) -> etree._Element:
    return etree.SubElement(parent, f"{{{CAP_1_2}}}{name}")


def _leaf(parent: etree._Element, name: str, text: str, where: str) -> None:
    """An element with text; `where` points to the member that the text comes from."""
    element = _branch(parent, name)
    try:
        element.text = text
    except ValueError as error:
        raise Problem(Code.INVALID, "holds a character that XML cannot", where=where) from error


def _optional(parent: etree._Element, name: str, body: Mapping[str, Any], member: str) -> None:
    if body.get(member) is not None:
        _leaf(parent, name, body[member], f"/{member}")


def _pair(parent: etree._Element, name: str, value_name: str, value: str, where: str) -> None:
    element = _branch(parent, name)
    _leaf(element, "valueName", value_name, "")
    _leaf(element, "value", value, where)
