"""The element tree of a CAP alert, checked against the standard's structure (CAP 1.2 §3.2).

A `Node` has the path by which reports name it: `info/area[2]/polygon`, with an index only where there are
several of that name. Unknown elements of CAP's namespace and second copies of single ones are refused; what
is of another namespace (an XML signature, say), and text between elements, is kept in `others`, to be named.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping
from functools import lru_cache
from types import MappingProxyType
from typing import Final, NamedTuple

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


_NO_CHILDREN: Final[Mapping[str, tuple[Node, ...]]] = MappingProxyType({})


def is_token(text: str) -> bool:
    """Whether a text may be an identifier or a sender: no white space, commas, < or & (CAP 1.2 §3.2.1)."""
    return _TOKEN.fullmatch(text) is not None


def plain(name: str) -> str:
    """A name from the source fit for a report: as it is if it looks like a name, else its shape."""
    return name if _PLAIN_NAME.fullmatch(name) else shape(name)


class Node(NamedTuple):
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
        return not self.children and not self.text.strip()

    def all(self, name: str) -> tuple[Node, ...]:
        """The children of that name that hold something."""
        found = self.children.get(name)
        return () if found is None else tuple([child for child in found if not child.empty])

    def first(self, name: str) -> Node | None:
        """The first child of that name that holds something."""
        for child in self.children.get(name, ()):
            if not child.empty:
                return child
        return None

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
    grammar = GRAMMAR[name]
    below = list(element)
    tags = [str(child.tag) for child in below]
    counts = Counter(tags) if len(set(tags)) < len(tags) else {}
    between = "".join([element.text or "", *[child.tail or "" for child in below]])
    met: dict[str, int] = {}
    children: dict[str, list[Node]] = {}
    others: list[str] = []
    if between.strip():
        others.append(f"{path}/text()" if path else "text()")
    before = f"{path}/" if path else ""
    for child, tag in zip(below, tags, strict=True):
        space, local = _split(tag)
        child_path = before + (local if local in grammar else plain(local))
        which = 1
        if tag in counts and counts[tag] > 1:
            met[tag] = which = met.get(tag, 0) + 1
            child_path += f"[{which}]"
        if space != namespace:
            others.append(child_path)
        elif local not in grammar:
            rejections.append(reject(Place(line_of(child)), child_path, Reason.UNKNOWN_FIELD))
        elif which > 1 and not grammar[local]:
            rejections.append(reject(Place(line_of(child)), child_path, Reason.REPEATED))
        else:
            if local in GRAMMAR:
                node = _read(child, child_path, local, namespace, rejections)
            else:
                node = Node(child_path, line_of(child), child.text or "", _NO_CHILDREN)
                if len(child):
                    zh, en = (
                        "此处只应有文字，请去掉其中的标签",
                        "only text belongs here: remove the markup inside",
                    )
                    rejections.append(reject(node.place, child_path, Reason.BAD_TEXT, zh=zh, en=en))
            children.setdefault(local, []).append(node)
            if node.others and local != "info":
                others.extend(node.others)
    return Node(
        path, line_of(element), "", {key: tuple(nodes) for key, nodes in children.items()}, tuple(others)
    )


@lru_cache(maxsize=256)
def _split(tag: str) -> tuple[str | None, str]:
    """Namespace and local name of lxml's `{namespace}name`."""
    if tag[0] != "{":
        return None, tag
    space, _, local = tag[1:].rpartition("}")
    return space, local
