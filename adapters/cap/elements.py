"""The element tree of a CAP alert, checked against the standard's structure (CAP 1.2 §3.2).

A `Node` has the path by which reports name it: `info/area[2]/polygon`, with an index only where there are
several of that name. Unknown elements of CAP's namespace and second copies of single ones are refused; what
is of another namespace (an XML signature, say), and text between elements, is kept in `others`, to be named.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from lxml import etree

from adapters.cap.document import line_of
from adapters.drafts import Place, Reason, Rejection, reject, shape

_PAIR: Final = {"valueName": False, "value": False}
GRAMMAR: Final[Mapping[str, Mapping[str, bool]]] = {
    "alert": {
        "identifier": False,
        "sender": False,
        "sent": False,
        "status": False,
        "msgType": False,
        "source": False,
        "scope": False,
        "restriction": False,
        "addresses": False,
        "code": True,
        "note": False,
        "references": False,
        "incidents": False,
        "info": True,
    },
    "info": {
        "language": False,
        "category": True,
        "event": False,
        "responseType": True,
        "urgency": False,
        "severity": False,
        "certainty": False,
        "audience": False,
        "eventCode": True,
        "effective": False,
        "onset": False,
        "expires": False,
        "senderName": False,
        "headline": False,
        "description": False,
        "instruction": False,
        "web": False,
        "contact": False,
        "parameter": True,
        "resource": True,
        "area": True,
    },
    "eventCode": _PAIR,
    "parameter": _PAIR,
    "geocode": _PAIR,
    "resource": {
        "resourceDesc": False,
        "mimeType": False,
        "size": False,
        "uri": False,
        "derefUri": False,
        "digest": False,
    },
    "area": {
        "areaDesc": False,
        "polygon": True,
        "circle": True,
        "geocode": True,
        "altitude": False,
        "ceiling": False,
    },
}
"""Element -> its children, and whether there may be several; what is not listed holds text only."""

_TOKEN: Final = re.compile(r"[^\s,<&]+")
_PLAIN_NAME: Final = re.compile(r"[A-Za-z][\w:./ -]{0,60}", re.ASCII)


def is_token(text: str) -> bool:
    """Whether a text may be an identifier or a sender: no white space, commas, < or & (CAP 1.2 §3.2.1)."""
    return _TOKEN.fullmatch(text) is not None


def plain(name: str) -> str:
    """A name from the source fit for a report: as it is if it looks like a name, else its shape."""
    return name if _PLAIN_NAME.fullmatch(name) else shape(name)


@dataclass(frozen=True, slots=True)
class Node:
    """An element: its path, its line, its text as it stands, its children by name."""

    path: str
    line: int | None
    text: str
    children: Mapping[str, tuple[Node, ...]]
    others: tuple[str, ...] = ()

    @property
    def place(self) -> Place:
        return Place(self.line)

    @property
    def empty(self) -> bool:
        """Whether it holds neither text nor children; CAP feeds in the wild write `<note/>` for no note."""
        return not self.text.strip() and not self.children

    def all(self, name: str) -> tuple[Node, ...]:
        """The children of that name that hold something."""
        return tuple(child for child in self.children.get(name, ()) if not child.empty)

    def first(self, name: str) -> Node | None:
        """The first child of that name that holds something."""
        return next(iter(self.all(name)), None)

    def token(self, name: str) -> str:
        """The text of a child without the white space around it; "" where there is none."""
        node = self.first(name)
        return "" if node is None else node.text.strip()

    def child_path(self, name: str) -> str:
        """The path that a single child of that name has or would have."""
        return f"{self.path}/{name}" if self.path else name


def read_elements(root: etree._Element, rejections: list[Rejection]) -> Node:
    """The alert below `root`, whose namespace rules; flaws of structure are added to `rejections`."""
    return _read(root, "", "alert", etree.QName(root).namespace, rejections)


def _read(
    element: etree._Element, path: str, name: str, namespace: str | None, rejections: list[Rejection]
) -> Node:
    place = Place(line_of(element))
    grammar = GRAMMAR.get(name)
    if grammar is None:
        if len(element):
            zh, en = "此处只应有文字,请去掉其中的标签", "only text belongs here: remove the markup inside"
            rejections.append(reject(place, path, Reason.BAD_TEXT, zh=zh, en=en))
        return Node(path, line_of(element), element.text or "", {})

    counts = Counter(child.tag for child in element)
    met: Counter[str] = Counter()
    children: dict[str, list[Node]] = {}
    others: list[str] = []
    if (element.text or "").strip() or any((child.tail or "").strip() for child in element):
        others.append(f"{path}/text()" if path else "text()")
    for child in element:
        tag = etree.QName(child)
        child_path = f"{path}/{plain(tag.localname)}" if path else plain(tag.localname)
        met[tag.text] += 1
        if counts[child.tag] > 1:
            child_path += f"[{met[tag.text]}]"
        if tag.namespace != namespace:
            others.append(child_path)
        elif tag.localname not in grammar:
            rejections.append(reject(Place(line_of(child)), child_path, Reason.UNKNOWN_FIELD))
        elif met[tag.text] > 1 and not grammar[tag.localname]:
            rejections.append(reject(Place(line_of(child)), child_path, Reason.REPEATED))
        else:
            node = _read(child, child_path, tag.localname, namespace, rejections)
            children.setdefault(tag.localname, []).append(node)
            others.extend(node.others if tag.localname != "info" else ())
    return Node(
        path, line_of(element), "", {key: tuple(nodes) for key, nodes in children.items()}, tuple(others)
    )
