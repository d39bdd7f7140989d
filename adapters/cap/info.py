"""One `info` block of a CAP alert -> one body of the profile.

What is read is read by `fields`; what CAP leaves open is supplied and named; what the profile cannot carry
is named; what stands in two places (an element and the parameter that holds it exactly) must agree.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import zip_longest
from typing import Any, Final, TypeVar

from adapters.cap import profile
from adapters.cap.elements import Node, plain
from adapters.cap.fields import Fields
from adapters.cap.geometry import circle_of, polygon_of
from adapters.cap.vocabulary import (
    CATEGORY,
    CERTAINTY,
    DIVISION,
    PARAMETER,
    RESPONSE_TYPE,
    SEVERITY,
    UNDESCRIBED,
    URGENCY,
    is_division,
    language_of,
    references_of,
    time_of,
)
from adapters.drafts import Reason, Rejection, Supplied, reject

_DIGITS: Final = re.compile(r"[0-9]{1,6}")
_OWN: Final = frozenset({"colour", "duty_office", "duty_phone", "acknowledge_within"})
_EXACT: Final = frozenset({"effective", "onset", "expires", "references", UNDESCRIBED})
_MESSAGE_ELEMENTS: Final = {
    "identifier": "identifier",
    "status": "status",
    "message_type": "msgType",
    "references": "references",
}
_INFO_ELEMENTS: Final = {"response_types": "responseType", "areas": "area"}
_AREA_ELEMENTS: Final = {
    "description": ("areaDesc",),
    "geocodes": ("geocode",),
    "polygon": ("polygon",),
    "circle": ("circle",),
}
_REST: Final = ("audience", "web", "resource")

_Outline = TypeVar("_Outline", list[list[float]], dict[str, float])


@dataclass(frozen=True, slots=True)
class Message:
    """What stands above the `info` blocks; empty or None where it was flawed."""

    identifier: str
    sender: str
    sent: str
    status: str | None
    message_type: str | None
    references: list[dict[str, str]]
    ours: bool


@dataclass(frozen=True, slots=True)
class Options:
    """What the person who converts decides."""

    default_geocodes: tuple[str, ...]
    expires_after: timedelta


class InfoReading:
    """The body of one `info` block, with what was supplied to it and what it cannot carry."""

    def __init__(self, info: Node, message: Message, fields: Fields, options: Options) -> None:
        self.info = info
        self.message = message
        self.fields = fields
        self.options = options
        self.supplied: list[Supplied] = []
        self._area_paths: list[str] = []
        self._foreign: list[str] = []
        self._parameters = self._own_parameters()
        self.body = self._body()
        self.not_carried = self._not_carried()

    def judged(self) -> list[Rejection]:
        """What the profile's schema refuses of the body, by the elements it came from."""
        flaws = []
        for flaw in profile.flaws(self.body):
            zh, en = f"请对照模式说明 /docs 修正（{flaw.zh}）", f"mend it: {flaw.detail}"
            flaws.append(reject(self.info.place, self._element(flaw.where), Reason.INVALID, zh=zh, en=en))
        return flaws

    def _body(self) -> dict[str, Any]:
        fields, info, message = self.fields, self.info, self.message
        if info.first("category") is None:
            fields.missing(info, "category")
        event = fields.text(info, "event", required=True)
        times = self._times()
        return {
            "identifier": message.identifier,
            "status": message.status,
            "message_type": message.message_type,
            "references": self._references(),
            "category": fields.codes(info, "category", CATEGORY),
            "event": event,
            "response_types": fields.codes(info, "responseType", RESPONSE_TYPE),
            "urgency": fields.code(info, "urgency", URGENCY),
            "severity": fields.code(info, "severity", SEVERITY),
            "certainty": fields.code(info, "certainty", CERTAINTY),
            **times,
            "headline": self._headline(event),
            "description": fields.text(info, "description"),
            "instruction": fields.text(info, "instruction"),
            "areas": self._areas(),
            "colour": self._parameter("colour"),
            "duty_office": self._parameter("duty_office"),
            "duty_phone": self._parameter("duty_phone"),
            "acknowledge_within": self._minutes(),
        }

    def _own_parameters(self) -> dict[str, Node]:
        """The parameters of this project, by the name after the prefix."""
        own: dict[str, Node] = {}
        for parameter in self.info.all("parameter"):
            name = parameter.token("valueName").removeprefix(PARAMETER)
            if parameter.token("valueName") == name or name not in _OWN | _EXACT:
                continue
            if name in own:
                self.fields.refuse(parameter, Reason.REPEATED)
            own[name] = parameter
        return own

    def _parameter(self, name: str) -> str | None:
        parameter = self._parameters.get(name)
        return None if parameter is None else self.fields.text(parameter, "value")

    def _minutes(self) -> int | None:
        text = self._parameter("acknowledge_within")
        if text is None:
            return None
        if not _DIGITS.fullmatch(text.strip()):
            self.fields.refuse(self._parameters["acknowledge_within"], Reason.BAD_NUMBER, text)
            return None
        return int(text)

    def _references(self) -> list[dict[str, str]]:
        """The message's references, to the fraction of a second where a parameter has them."""
        exact = self._parameter("references")
        if exact is None:
            return self.message.references
        references = references_of(exact, respelt=False) or []
        if _seconds(references) != _seconds(self.message.references):
            self.fields.refuse(self._parameters["references"], Reason.CONTRADICTION)
        return references

    def _times(self) -> dict[str, str | None]:
        """`effective`, `onset`, `expires`, exact where a parameter is, supplied where CAP has none."""
        times = {name: self._time(name) for name in ("effective", "onset", "expires")}
        if self.message.ours:
            return times
        if times["expires"] is None and self.info.first("expires") is None:
            times["expires"] = self._validity(times["effective"], times["onset"])
        sent, expires = time_of(self.message.sent), time_of(times["expires"] or "")
        unsaid = self.info.first("effective") is None
        if unsaid and sent is not None and expires is not None and sent < expires:
            times["effective"] = self.message.sent
            zh, en = "取自 sent（CAP 规定）", "from sent, as CAP rules"
            self._supply(self.info.child_path("effective"), self.message.sent, zh, en)
        return times

    def _time(self, name: str) -> str | None:
        read = self.fields.time(self.info, name)
        exact = self._parameter(name)
        if exact is None:
            return read
        moment, rough = time_of(exact), time_of(read or "")
        if moment is None or rough is None or moment.replace(microsecond=0) != rough.replace(microsecond=0):
            self.fields.refuse(self._parameters[name], Reason.CONTRADICTION)
        return exact

    def _validity(self, *starts: str | None) -> str | None:
        moments = [time_of(start or "") for start in (self.message.sent, *starts)]
        latest = max((moment for moment in moments if moment is not None), default=None)
        if latest is None:
            return None
        try:
            expires = (latest + self.options.expires_after).isoformat()
        except OverflowError:
            self.fields.missing(self.info, "expires")
            return None
        hours = self.options.expires_after / timedelta(hours=1)
        zh, en = f"按默认有效期 {hours:g} 小时", f"by a validity of {hours:g} hours"
        self._supply(self.info.child_path("expires"), expires, zh, en)
        return expires

    def _headline(self, event: str | None) -> str | None:
        headline = self.fields.text(self.info, "headline")
        if headline is None and event is not None and not self.message.ours:
            self._supply(self.info.child_path("headline"), event, "取自 event", "from event")
            return event
        return headline

    def _supply(self, field: str, value: str, zh: str, en: str) -> None:
        self.supplied.append(Supplied(field, value, zh, en))

    def _areas(self) -> list[dict[str, Any]]:
        """One area for each polygon and circle: CAP means their union, the profile has one of each."""
        undescribed = (self._parameter(UNDESCRIBED) or "").split(",")
        areas: list[dict[str, Any]] = []
        nodes = self.info.all("area")
        for number, area in enumerate(nodes, 1):
            description = self.fields.text(area, "areaDesc", required=True)
            if str(number) in undescribed:
                description = None
            geocodes = self._geocodes(area)
            polygons = [self._outline(node, polygon_of(node.text)) for node in area.all("polygon")]
            circles = [self._outline(node, circle_of(node.text)) for node in area.all("circle")]
            for polygon, circle in list(zip_longest(polygons, circles)) or [(None, None)]:
                areas.append(_area(description, geocodes, polygon, circle))
                self._area_paths.append(area.path)
        if not nodes:
            path = self.info.child_path("area")
            areas.append(_area(None, self._default_geocodes(self.info, f"{path}/geocode"), None, None))
            self._area_paths.append(path)
        return areas

    def _outline(self, node: Node, read: _Outline | None) -> _Outline | None:
        if read is None:
            zh = "请写成“纬度,经度”，多边形须首尾相同且至少四点，圆为“纬度,经度 半径公里”"
            en = "write latitude,longitude; a polygon ends where it starts and has four points or more"
            self.fields.refuse(node, Reason.BAD_GEOMETRY, node.text, zh=zh, en=en)
        return read

    def _geocodes(self, area: Node) -> list[str]:
        """The divisions of an area, old codes mapped; geocodes of other schemes are named and left."""
        codes: list[str] = []
        flawed = False
        for geocode in area.all("geocode"):
            scheme, value = geocode.token("valueName"), geocode.token("value")
            if not is_division(scheme):
                self._foreign.append(f"{area.path}/geocode[{plain(scheme)}]")
                continue
            code = value if self.message.ours else profile.division(value)
            if code is None:
                self.fields.refuse(geocode, Reason.UNKNOWN_DIVISION, value)
                flawed = True
                continue
            if code != value:
                zh, en = f"原为 {value}，已换为现行代码", f"{value} in the source, now this code"
                self._supply(geocode.path, code, zh, en)
            codes.append(code)
        if codes or flawed:
            return list(dict.fromkeys(codes))
        return self._default_geocodes(area, area.child_path("geocode"))

    def _default_geocodes(self, parent: Node, path: str) -> list[str]:
        codes = list(self.options.default_geocodes)
        if codes and not self.message.ours:
            self._supply(path, ",".join(codes), "由转换者给出", "given by whoever converts")
            return codes
        zh = f"请在 geocode（{DIVISION}）中写明六位行政区划代码，或转换时给出"
        en = f"name six-digit divisions in geocode ({DIVISION}), or give them when converting"
        self.fields.rejections.append(reject(parent.place, path, Reason.MISSING, zh=zh, en=en))
        return []

    def _not_carried(self) -> list[str]:
        """Paths of what stands in this block and finds no place in the profile."""
        info, body = self.info, self.body
        paths = [node.path for name in _REST for node in info.all(name)]
        if info.token("language") and info.token("language") != language_of(body):
            paths.append(info.child_path("language"))
        for name, holds in (("senderName", body["duty_office"]), ("contact", body["duty_phone"])):
            if info.first(name) is not None and self.fields.text(info, name) != holds:
                paths.append(info.child_path(name))
        own = {id(parameter) for parameter in self._parameters.values()}
        for name in ("eventCode", "parameter"):
            rest = [node for node in info.all(name) if id(node) not in own]
            paths += [f"{info.child_path(name)}[{plain(node.token('valueName'))}]" for node in rest]
        paths += [
            node.path for area in info.all("area") for node in area.all("altitude") + area.all("ceiling")
        ]
        return list(dict.fromkeys([*paths, *self._foreign, *info.others]))

    def _element(self, pointer: str) -> str:
        """The element from which the member of the body came that a JSON pointer names."""
        member, *rest = pointer.removeprefix("/").split("/")
        if member in _MESSAGE_ELEMENTS:
            return _MESSAGE_ELEMENTS[member]
        if member in _OWN:
            return f"{self.info.child_path('parameter')}[{PARAMETER}{member}]"
        if member == "areas" and rest and int(rest[0]) < len(self._area_paths):
            return "/".join([self._area_paths[int(rest[0])], *_AREA_ELEMENTS.get(".".join(rest[1:2]), ())])
        return self.info.child_path(_INFO_ELEMENTS.get(member, member))


def _area(
    description: str | None, geocodes: list[str], polygon: list[list[float]] | None, circle: Any
) -> dict[str, Any]:
    return {"description": description, "geocodes": list(geocodes), "polygon": polygon, "circle": circle}


def _seconds(references: list[dict[str, str]]) -> list[tuple[str, str, datetime | None]]:
    """References as far as CAP's own element can tell them apart: times to the second."""
    seconds = []
    for reference in references:
        sent = time_of(reference["sent"])
        rough = None if sent is None else sent.replace(microsecond=0)
        seconds.append((reference["sender"], reference["identifier"], rough))
    return seconds
