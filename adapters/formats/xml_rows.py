"""Elements of an XML document, each read by itself.

A document is never parsed as a whole: it is decoded (standard parsers refuse GBK, and lxml its four-byte
characters), its declaration dropped, and the elements that are rows are cut out of the text and given to lxml
one by one. So:
1. A DOCTYPE before the first element: nothing is read. No entity is ever declared, expanded or fetched.
2. A row that is not well-formed costs that row and no other.
3. Memory is that of one row, `ROW_CHARACTERS` at most and `XML_DEPTH` deep.
4. Comments and CDATA are passed over where rows are looked for. A file that ends inside a row or before its
   last end tag was not finished, and is told so.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, BinaryIO, ClassVar, Final
from xml.sax.saxutils import escape, quoteattr

from lxml import etree

from adapters.cap.document import ENCODINGS
from adapters.drafts import Place, Reason, Rejection, reject
from adapters.formats.decoding import Decoding
from adapters.formats.form import Entry, Form, Item, Outgoing, nested
from adapters.limits import PROLOG_BYTES, ROW_CHARACTERS, XML_DEPTH

_DECLARATION: Final = re.compile(rb"""\s*<\?xml\s[^>]{0,100}?encoding\s*=\s*["']([A-Za-z0-9._-]{1,40})["']""")
_PROLOG: Final = re.compile(r"(?:\s++|<\?(?:[^?]|\?(?!>))*+\?>|<!--(?:[^-]|-(?!->))*+-->)*+")
_ROOT: Final = re.compile(r"<([^\s/>!?][^\s/>]*)([^>]*)>")
_NAMESPACES: Final = re.compile(r"""\sxmlns(?::[\w.-]+)?\s*=\s*(?:"[^"<]*"|'[^'<]*')""")
_PARSER: Final = etree.XMLParser(
    resolve_entities=False, no_network=True, load_dtd=False, remove_comments=True, remove_pis=True
)
_UNWRITABLE: Final = re.compile("[^\t\n\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


class XmlRows(Form):
    """`XmlRows("AJ", root="AJLB")`: the elements that are rows; `encoding` is what is declared on the way out."""

    suffix: ClassVar[str] = "xml"
    named: ClassVar[bool] = True
    source_suffix: ClassVar[str] = "xml"
    whole: ClassVar[bool] = False

    def __init__(self, *elements: str, root: str = "ROWS", encoding: str = "GBK") -> None:
        self.elements = elements
        self.root = root
        self.encoding = encoding

    def __eq__(self, other: object) -> bool:
        return isinstance(other, XmlRows) and self._all() == other._all()

    def __hash__(self) -> int:
        return hash(self._all())

    def _all(self) -> tuple[Any, ...]:
        return self.elements, self.root, self.encoding

    def recognises(self, head: bytes, stream: BinaryIO) -> bool:
        start = head.lstrip(b"\xef\xbb\xbf \t\r\n")
        if start.startswith((b"\xff\xfe<", b"\xfe\xff\0<")):
            return True
        return start.startswith(b"<") and not start[:200].lower().startswith((b"<html", b"<!doctype html"))

    def read(self, stream: BinaryIO) -> Iterator[Item]:
        declared = _DECLARATION.match(stream.read(256).removeprefix(b"\xef\xbb\xbf"))
        stream.seek(0)
        named = self.encoding if declared is None else declared.group(1).decode("ascii")
        encoding = ENCODINGS.get(named.lower())
        if encoding not in ("utf-8", "ascii", "gb18030", "utf-16", "utf-16-le", "utf-16-be"):
            yield reject(Place(), "xml", Reason.ENCODING)
            return
        decoding = Decoding(stream, "utf-8" if encoding == "ascii" else encoding, b">")
        yield from _Cutting(self.elements, decoding.pieces()).items()
        yield from decoding.notes()

    def write(self, stream: BinaryIO, outgoing: Sequence[Outgoing]) -> None:
        def put(text: str) -> None:
            stream.write(text.encode(self.encoding, "xmlcharrefreplace"))

        put(f'<?xml version="1.0" encoding="{self.encoding}"?>\n<{self.root}>\n')
        for table in outgoing:
            name = table.at or self.elements[0]
            for row in table.rows:
                put(_written(name, nested(row), "  ") + "\n")
        put(f"</{self.root}>\n")

    def holds(self, cell: Any) -> bool:
        return _UNWRITABLE.search(str(cell)) is None

    def sample(self, sources: Mapping[str, bytes]) -> bytes:
        (source,) = sources.values()
        return source.decode().encode(self.encoding, "xmlcharrefreplace")


class _Cutting:
    """The search for rows in a document's text as it comes."""

    def __init__(self, elements: Sequence[str], pieces: Iterator[str]) -> None:
        names = "|".join(map(re.escape, elements))
        self._mark = re.compile(rf"<!--|<!\[CDATA\[|<(?:[\w.-]+:)?({names})(?=[\s/>])")
        self._pieces = pieces
        self._text = ""
        self._at = 0
        self._line = 1
        self._ended = False

    def items(self) -> Iterator[Entry | Rejection]:
        """The rows, and what is wrong with the document."""
        while len(self._text) < PROLOG_BYTES and self._more():
            pass
        prolog = _PROLOG.match(self._text)
        start = prolog.end() if prolog is not None else 0
        if self._text.startswith("<!DOCTYPE", start):
            yield reject(Place(self._line_at(start)), "/", Reason.FORBIDDEN_MARKUP)
            return
        root = _ROOT.match(self._text, start)
        if root is None:
            yield reject(Place(self._line_at(start)), "/", Reason.NOT_XML)
            return
        around = f"<x{''.join(_NAMESPACES.findall(root.group(2)))}>"
        self._go_to(start if self._mark.match(self._text, start) else root.end())
        while (found := self._next_mark()) is not None:
            self._go_to(found.start())
            if found.group(1) is None:
                if not self._pass_over("-->" if found.group() == "<!--" else "]]>"):
                    break
                continue
            place = Place(self._line)
            row = self._row(found.group()[1:])
            if row is None:
                yield reject(place, found.group(1), Reason.UNFINISHED if self._ended else Reason.TOO_LARGE)
                self._go_to(self._at + len(found.group()))
                continue
            yield _entry(row, around, place, found.group(1))
        if not root.group(0).endswith("/>") and f"</{root.group(1)}" not in self._text[-PROLOG_BYTES:]:
            yield reject(Place(self._line_at(len(self._text))), root.group(1)[:60], Reason.UNFINISHED)

    def _row(self, name: str) -> str | None:
        """The text of the element that begins here, and on past it; None if it does not end."""
        end_tag = re.compile(rf"<!--|<!\[CDATA\[|</{re.escape(name)}\s*>")
        if (opening := self._find(re.compile(r"""<(?:[^"'>]|"[^"]*"|'[^']*')*>"""), self._at)) is None:
            return None
        at = opening.end()
        if not opening.group().endswith("/>"):
            while (found := self._find(end_tag, at)) is not None and found.group()[:2] != "</":
                close = re.compile("-->" if found.group() == "<!--" else "]]>")
                over = self._find(close, found.end())
                if over is None:
                    return None
                at = over.end()
            if found is None:
                return None
            at = found.end()
        row = self._text[self._at : at]
        self._go_to(at)
        return row

    def _find(self, pattern: re.Pattern[str], start: int) -> re.Match[str] | None:
        """The next match, reading on as far as a row may reach."""
        ahead = start - self._at  # reading on takes text away that lies behind
        while True:
            found = pattern.search(self._text, self._at + ahead)
            if found is not None:
                return found
            if len(self._text) - self._at > ROW_CHARACTERS or not self._more():
                return None

    def _next_mark(self) -> re.Match[str] | None:
        while True:
            found = self._mark.search(self._text, self._at)
            if found is not None and (found.end() < len(self._text) or self._ended):
                return found
            self._go_to(max(self._at, len(self._text) - 256))
            if not self._more():
                return self._mark.search(self._text, self._at)

    def _pass_over(self, end: str) -> bool:
        while (found := self._text.find(end, self._at)) < 0:
            self._go_to(max(self._at, len(self._text) - 2))
            if not self._more():
                return False
        self._go_to(found + len(end))
        return True

    def _more(self) -> bool:
        piece = next(self._pieces, None)
        if piece is None:
            self._ended = True
            return False
        if self._at > PROLOG_BYTES:
            keep = self._at - 512
            self._text = self._text[keep:]
            self._at -= keep
        self._text += piece
        return True

    def _go_to(self, position: int) -> None:
        self._line += self._text.count("\n", self._at, position)
        self._at = position

    def _line_at(self, position: int) -> int:
        return self._line + self._text.count("\n", self._at, position)


def _entry(row: str, around: str, place: Place, name: str) -> Entry | Rejection:
    try:
        root = etree.fromstring(f"{around}{row}</x>".encode(), _PARSER)
        cells = _children(root[0], 1)
    except (etree.XMLSyntaxError, UnicodeEncodeError, IndexError):
        return reject(
            place, name, Reason.NOT_XML, zh="该条记录的标签不完整，请重新导出", en="export this row again"
        )
    except RecursionError:
        return reject(place, name, Reason.TOO_LARGE)
    return Entry(place, name, cells)


def _children(element: etree._Element, depth: int) -> dict[str, Any]:
    """Names to text, objects or, where a name comes again, lists; attributes have an @ before their name."""
    if depth > XML_DEPTH:
        raise RecursionError
    cells: dict[str, Any] = {f"@{name!s}": value for name, value in element.items()}
    for child in element:
        tag = str(child.tag)
        name = tag[tag.rfind("}") + 1 :]
        value = _children(child, depth + 1) if len(child) or child.keys() else child.text
        if name in cells:
            present = cells[name]
            if isinstance(present, list):
                present.append(value)
            else:
                cells[name] = [present, value]
        else:
            cells[name] = value
    if not len(element) and element.text:
        cells["#text"] = element.text
    return cells


def _written(name: str, value: Any, indent: str) -> str:
    if isinstance(value, list):
        return "\n".join(_written(name, item, indent) for item in value)
    if not isinstance(value, Mapping):
        return f"{indent}<{name}>{escape('' if value is None else str(value))}</{name}>"
    attributes = "".join(
        f" {member[1:]}={quoteattr(str(text))}" for member, text in value.items() if member[0] == "@"
    )
    inner = [
        _written(member, text, indent + "  ")
        for member, text in value.items()
        if member[0] not in "@#" and text is not None
    ]
    body = "\n" + "\n".join(inner) + "\n" + indent if inner else escape(str(value.get("#text", "")))
    return f"{indent}<{name}{attributes}>{body}</{name}>"
