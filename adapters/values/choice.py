"""Codes and truth values, by a city's own words."""

from __future__ import annotations

import re
from collections.abc import Mapping
from difflib import get_close_matches
from typing import Any, Final
from unicodedata import normalize

from adapters.drafts import Reason
from adapters.values.convert import Converter, Flaw, plain
from schemas.codes import CodeList
from schemas.labels import LABELS

_SHOWN: Final = 30
_FREE_CODE: Final = re.compile(r"[a-z][a-z0-9_-]{0,63}\Z")


class Codes(Converter):
    """A city's words or numbers for the codes of a list: `Codes({"草场纠纷": "grassland", …})`.

    Several words may stand for one code; the first one is written. `open` lets through what is already a code
    of the project's spelling, for the lists that are not closed.
    """

    def __init__(self, words: Mapping[str, str], *, codes: CodeList | None = None) -> None:
        self.words = dict(words)
        self._codes = {_key(word): code for word, code in words.items()}
        self._words: dict[str, str] = {}
        for word, code in words.items():
            self._words.setdefault(code, word)
        self._list = codes

    def bound_to(self, codes: CodeList) -> Codes:
        """The same for the list of a field, which says what is missing and whether others may pass."""
        return Codes(self.words, codes=codes)

    def read(self, cell: Any) -> Any:
        if type(cell) is str and (code := self._codes.get(cell)) is not None:
            return code
        text = plain(cell)
        if text is None:
            return None
        code = self._codes.get(_key(text))
        if code is not None:
            return code
        if self._list is not None and self._list.open and _FREE_CODE.match(text):
            return text
        raise self._unknown(text)

    def write(self, value: Any) -> Any:
        word = self._words.get(value)
        if word is not None:
            return word
        if self._list is not None and self._list.open and _key(value) not in self._codes:
            return value
        raise Flaw(Reason.UNKNOWN_CODE)

    def lacks(self) -> tuple[str, ...]:
        if self._list is None:
            return ()
        return tuple(code for code in self._list.codes if code not in self._words)

    def _unknown(self, text: str) -> Flaw:
        words = list(dict.fromkeys(self._words.values()))
        near = get_close_matches(text, list(self.words), 1, 0.5)
        hint_zh, hint_en = (f"（与“{near[0]}”相近）", f" (near to {near[0]})") if near else ("", "")
        some = "、".join(words[:_SHOWN]) + ("……" if len(words) > _SHOWN else "")
        return Flaw(Reason.UNKNOWN_CODE, f"请改为：{some}{hint_zh}", f"use one of: {some}{hint_en}")


class Labels(Codes):
    """The project's own Chinese labels of a list, with words that a city adds: `Labels({"草原纠纷": "grassland"})`.

    The code itself is read, too. Without a list it gets that of its field.
    """

    def __init__(self, also: Mapping[str, str] | None = None, *, codes: CodeList | None = None) -> None:
        self.also = dict(also or {})
        own = {} if codes is None else _labels(codes)
        super().__init__({**own, **self.also}, codes=codes)

    def bound_to(self, codes: CodeList) -> Codes:
        return Labels(self.also, codes=codes)


class Flag(Converter):
    """Yes or no; `yes` and `no` are what is written."""

    def __init__(self, yes: str = "是", no: str = "否") -> None:
        self.yes = yes
        self.no = no
        self._known: dict[str, bool] = {
            **dict.fromkeys(("是", "有", "1", "y", "yes", "true", "√", "已"), True),
            **dict.fromkeys(("否", "无", "没有", "0", "n", "no", "false", "×", "x", "未"), False),
            _key(yes): True,
            _key(no): False,
        }

    def read(self, cell: Any) -> Any:
        if type(cell) is bool:
            return cell
        if type(cell) is str:
            known = self._known.get(_key(cell.strip()))
            if known is not None:
                return known
        text = plain(cell)
        if text is None:
            return None
        known = self._known.get(_key(text))
        if known is None:
            raise Flaw(
                Reason.UNKNOWN_CODE, f"请改为：{self.yes}、{self.no}", f"use one of: {self.yes}, {self.no}"
            )
        return known

    def write(self, value: Any) -> Any:
        return self.yes if value else self.no


def _key(word: str) -> str:
    """Words are compared in half-width form, in lower case, without white space."""
    return "".join(normalize("NFKC", word).lower().split())


def _labels(codes: CodeList) -> dict[str, str]:
    labels = {LABELS[codes.name][code]["zh"]: code for code in codes.codes if code in LABELS[codes.name]}
    return {**labels, **{code: code for code in codes.codes}}
