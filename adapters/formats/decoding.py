"""Bytes -> text, where one file may hold GB18030 and UTF-8.

The bytes are taken in segments that end at a boundary which no character of either encoding contains (a line
feed, a quotation mark, `>`). For each segment:
1. ASCII, or valid in the file's own encoding and not plainly the other: decoded.
2. Valid UTF-8 made of Chinese in a GB18030 file, or the reverse: decoded as that, and counted.
3. Anything else, damaged UTF-8 included (which as GB18030 would be other characters, not an error): decoded
   with escapes and U+FFFD before it, so that whatever row it belongs to is refused and nothing of it is lost.

A few words of GB18030 are valid UTF-8 by chance (状态 reads as one letter of Hebrew and one mark): in a file that
says UTF-8 and mostly is not, what reads as letters of small alphabets is taken for GB18030.

Where no segment looks like UTF-8, which one search tells, all are decoded at once.

Byte order marks are taken out wherever they stand, and counted.
"""

from __future__ import annotations

import codecs
import re
from collections.abc import Iterator
from functools import cache
from typing import BinaryIO, Final

from adapters.drafts import Note, Place
from adapters.limits import CHUNK_BYTES, ROW_CHARACTERS
from adapters.values.convert import LOST

GB18030: Final = "gb18030"
UTF_8: Final = "utf-8"
_UTF_16: Final = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)
_CHINESE_IN_UTF_8: Final = re.compile(rb"(?:[\xe3-\xe9][\x80-\xbf]{2}){4}")
_FEW: Final = 12
"""Bytes of a segment below which a wrong encoding could look right by chance."""


class Decoding:
    """A stream's text in segments, and what was met on the way (`notes`, once it is read)."""

    def __init__(self, stream: BinaryIO, encoding: str, boundary: bytes) -> None:
        self._stream = stream
        self._own = UTF_8 if encoding.lower() in ("utf-8", "utf-8-sig", "utf8") else GB18030
        self._boundary = boundary
        self._far_alone = _far_alone(boundary)
        self._others = 0
        self._segments = 0
        self._marks = 0

    def pieces(self) -> Iterator[str]:
        """The text, in pieces that end at a boundary except where a segment is longer than any row."""
        first = self._stream.read(CHUNK_BYTES)
        if first.startswith(_UTF_16):
            yield from self._utf_16(first)
            return
        carried = first.removeprefix(codecs.BOM_UTF8)
        while True:
            cut = carried.rfind(self._boundary) + 1
            if not cut and len(carried) > ROW_CHARACTERS:
                cut = len(carried)
            if cut:
                yield self._decode(carried[:cut])
                carried = carried[cut:]
            chunk = self._stream.read(CHUNK_BYTES)
            if not chunk:
                break
            carried += chunk
        if carried:
            yield self._decode(carried)

    def notes(self) -> Iterator[Note]:
        """What to tell of the encoding."""
        if self._others:
            own, other = ("GB18030", "UTF-8") if self._own == GB18030 else ("UTF-8", "GB18030")
            yield Note(
                Place(),
                f"有 {self._others} 处不是 {own} 而是 {other} 编码，已分别识别",
                f"{self._others} places are {other}, not {own}; each was read as what it is",
            )
        if self._marks:
            yield Note(
                Place(),
                f"文件中间有 {self._marks} 个字节顺序标记（BOM），已忽略",
                f"{self._marks} byte order marks inside the file were left out",
            )

    def _utf_16(self, first: bytes) -> Iterator[str]:
        decoder = codecs.getincrementaldecoder("utf-16")("replace")
        chunk = first
        while chunk:
            yield self._unmarked(decoder.decode(chunk))
            chunk = self._stream.read(CHUNK_BYTES)
        yield decoder.decode(b"", final=True)

    def _unmarked(self, text: str) -> str:
        if "\ufeff" in text:
            self._marks += text.count("\ufeff")
            return text.replace("\ufeff", "")
        return text

    def _decode(self, data: bytes) -> str:
        if data.isascii():
            return data.decode("ascii")
        if self._own == UTF_8:
            try:
                text = data.decode(UTF_8)
            except UnicodeDecodeError:
                pass
            else:
                self._segments += data.count(self._boundary)
                return self._unmarked(text)
        elif not self._may_hold_utf_8(data):
            try:
                return self._unmarked(data.decode(GB18030))
            except UnicodeDecodeError:
                pass
        segments = data.split(self._boundary)
        return self._unmarked(self._boundary.decode().join(map(self._segment, segments)))

    def _may_hold_utf_8(self, data: bytes) -> bool:
        """Whether there are characters of far scripts in UTF-8, alone in a segment or several in a row."""
        return (
            self._far_alone.search(self._boundary + data) is not None
            or _CHINESE_IN_UTF_8.search(data) is not None
        )

    def _segment(self, segment: bytes) -> str:
        if segment.isascii():
            return segment.decode("ascii")
        self._segments += 1
        try:
            text = segment.decode(UTF_8)
        except UnicodeDecodeError:
            return self._not_utf_8(segment)
        if self._own == UTF_8:
            wrongly_declared = self._others * 2 > self._segments
            return self._not_utf_8(segment) if wrongly_declared and not _is_chinese(text) else text
        if _is_chinese(text):
            self._others += 0 if text == "\ufeff" else 1
            return text
        return self._not_utf_8(segment)

    def _not_utf_8(self, segment: bytes) -> str:
        codec = self._own
        if _CHINESE_IN_UTF_8.search(segment) is not None:
            codec = UTF_8
        else:
            try:
                text = segment.decode(GB18030)
            except UnicodeDecodeError:
                pass
            else:
                if self._own == GB18030:
                    return text
                if len(segment) >= _FEW or _is_common(text):
                    self._others += 1
                    return text
        return LOST + segment.decode(codec, "backslashreplace")


@cache
def _far_alone(boundary: bytes) -> re.Pattern[bytes]:
    """A segment, after its boundary, of nothing but ASCII and what could be UTF-8, some of it of three bytes."""
    end, at = re.escape(boundary), ord(boundary)
    plain = rb"[\x00-\x%02x\x%02x-\x7f]++|[\xc2-\xdf][\x80-\xbf]" % (at - 1, at + 1)
    far = rb"[\xe0-\xef][\x80-\xbf]{2}|[\xf0-\xf4][\x80-\xbf]{3}"
    return re.compile(rb"%s(?:%s)*+(?:%s)(?:%s|%s)*+(?=%s|\Z)" % (end, plain, far, plain, far, end))


def _is_chinese(text: str) -> bool:
    """Whether text read as UTF-8 looks as if it was: Chinese, and little from the two-byte alphabets."""
    far = sum(1 for character in text if character >= "\u2e80")
    near = sum(1 for character in text if "\x80" <= character < "\u2e80")
    return far > near


def _is_common(text: str) -> bool:
    try:
        text.encode("gb2312")
    except UnicodeEncodeError:
        return False
    return True
