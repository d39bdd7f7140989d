"""Bytes of an XML file -> its root element, read so that hostile markup can do nothing.

The order is the defence:
1. At most `DOCUMENT_BYTES`.
2. Decode by byte order mark, else by the declaration, else as UTF-8; only encodings of `ENCODINGS`. The
   declaration is dropped, so that the parser sees UTF-8 and nothing else.
3. A DOCTYPE can only stand before the root element: if there is one, stop. No entity is ever declared, so
   none is ever expanded or fetched.
4. lxml without entities, network, DTD and huge trees; comments and processing instructions are dropped.
5. Depth at most `DOCUMENT_DEPTH`.
"""

from __future__ import annotations

import codecs
import re
from typing import Final, cast

from lxml import etree

from adapters.drafts import Place, Reason, Rejection, reject

DOCUMENT_BYTES: Final = 1024 * 1024
DOCUMENT_DEPTH: Final = 16
"""Five levels are CAP's own; an enveloped XML signature needs up to nine."""

ENCODINGS: Final = {
    "utf-8": "utf-8",
    "utf8": "utf-8",
    "us-ascii": "ascii",
    "ascii": "ascii",
    "utf-16": "utf-16",
    "utf-16le": "utf-16-le",
    "utf-16be": "utf-16-be",
    "iso-8859-1": "iso-8859-1",
    "latin1": "iso-8859-1",
    "gb2312": "gb18030",
    "gbk": "gb18030",
    "gb18030": "gb18030",
}
"""Declared name -> codec. GB 18030 contains GBK, which contains GB 2312."""

_MARKS: Final = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
    ("<?".encode("utf-16-le"), "utf-16-le"),
    ("<?".encode("utf-16-be"), "utf-16-be"),
)
_DECLARATION: Final = re.compile(r"<\?xml\s[^>]{0,200}?\?>")
_DECLARED: Final = re.compile(rb"""<\?xml\s[^>]{0,100}?encoding\s*=\s*["']([A-Za-z0-9._-]{1,40})["']""")
_BEFORE_ROOT: Final = re.compile(r"(?:\s++|<!--(?:[^-]|-(?!->))*+-->|<\?(?:[^?]|\?(?!>))*+\?>)*+")
_PARSER: Final = etree.XMLParser(
    encoding="utf-8",
    resolve_entities=False,
    no_network=True,
    load_dtd=False,
    dtd_validation=False,
    huge_tree=False,
    recover=False,
    remove_comments=True,
    remove_pis=True,
)
_DEEPER: Final = etree.XPath("/*" * (DOCUMENT_DEPTH + 1))
_WHOLE: Final = Place()


def read_document(data: bytes) -> etree._Element | Rejection:
    """The root element of an XML document (XML 1.0), or why it is not read.

    Elements keep the line they stand on (`sourceline`); comments and processing instructions are gone.
    """
    if len(data) > DOCUMENT_BYTES:
        return reject(_WHOLE, "/", Reason.TOO_LARGE)
    text = _decode(data)
    if text is None:
        return reject(_WHOLE, "/", Reason.ENCODING)
    declaration = _DECLARATION.match(text)
    if declaration is not None:
        text = "\n" * declaration.group().count("\n") + text[declaration.end() :]
    prolog = _BEFORE_ROOT.match(text)
    start = prolog.end() if prolog is not None else 0
    if text.startswith("<!DOCTYPE", start):
        return reject(Place(text.count("\n", 0, start) + 1), "/", Reason.FORBIDDEN_MARKUP)
    try:
        root = etree.fromstring(text.encode(), _PARSER)
    except etree.XMLSyntaxError as error:
        too_deep = getattr(error, "code", None) == etree.ErrorTypes.ERR_RESOURCE_LIMIT
        return reject(Place(error.lineno or None), "/", Reason.TOO_LARGE if too_deep else Reason.NOT_XML)
    if root.getroottree().docinfo.internalDTD is not None:
        return reject(_WHOLE, "/", Reason.FORBIDDEN_MARKUP)
    return _too_deep(root) or root


def line_of(element: etree._Element) -> int | None:
    """The line of the file on which an element's start tag ends, from 1."""
    return element.sourceline  # type: ignore[return-value]  # the stubs say `...`


def _decode(data: bytes) -> str | None:
    """The text, or None when the encoding is unknown or the bytes are not in it."""
    codec = next((codec for mark, codec in _MARKS if data.startswith(mark)), None)
    if codec is None:
        declared = _DECLARED.match(data)
        codec = ENCODINGS.get("utf-8" if declared is None else declared.group(1).decode("ascii").lower())
    if codec is None:
        return None
    try:
        return data.decode(codec).removeprefix("\ufeff").replace("\r\n", "\n").replace("\r", "\n")
    except UnicodeDecodeError:
        return None


def _too_deep(root: etree._Element) -> Rejection | None:
    deeper = cast("list[etree._Element]", _DEEPER(root))
    return reject(Place(line_of(deeper[0])), "/", Reason.TOO_LARGE) if deeper else None
