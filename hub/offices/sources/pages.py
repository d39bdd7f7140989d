"""A list over HTTP, in one answer or page by page.

| settings | how it goes on | how it ends |
|---|---|---|
| none of them | `Link: <…>; rel="next"` | an answer without one |
| `page` | the query parameter `page` counts up from `first_page` | a page whose list has no items |
| `next`, `items` | the member `next` is the address of the next page | a page where it is missing, null or empty |
| `next`, `items`, `page` | the member `next` is a token, sent as the query parameter `page` | the same |

1. With `items` or `page`, every page must be JSON with a list at `items`: an error that comes with status 200 is
   an error, not the end.
2. A page that was there before is refused: an interface that takes no notice of `page` would never end.
3. At most `PAGES` pages, `PAGE_BYTES` bytes each, `LIST_SECONDS` in all. A list in one answer may be a file's size.
4. A page that fails fails the list.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import BinaryIO, Final
from urllib.parse import parse_qsl, urlencode, urlsplit

from adapters.limits import UNPACKED_BYTES
from hub.errors import Code, Problem
from hub.offices.places.closing import Closing
from hub.offices.places.web import Web
from hub.offices.settings import SourceSettings
from hub.offices.sources.page import Page, look_through
from hub.offices.sources.source import Content, Unit, temporary_copy

PAGES: Final = 1_000
PAGE_BYTES: Final = 64 * 1024**2
LIST_SECONDS: Final = 3600
_TOKEN: Final = re.compile(r"[^\x00-\x20\x7f\ud800-\udfff]{1,4096}")


class PageSource(Closing):
    """The list of one source (`Source`): one unit, a part a page."""

    def __init__(
        self,
        settings: SourceSettings,
        web: Web,
        scratch: Path,
        *,
        pages: int = PAGES,
        page_bytes: int = PAGE_BYTES,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        """Takes `web` over, and closes it. Raises: Problem `invalid` for `next` without `items`."""
        self.name = settings.access.name
        self._who = f"source {self.name}"
        self._settings = settings
        self._web = web
        self._scratch = scratch
        self._pages = pages
        paged = settings.page is not None or settings.next is not None
        self._page_bytes = page_bytes if paged else UNPACKED_BYTES
        self._looks = paged or settings.items is not None
        self._monotonic = monotonic
        if settings.next is not None and settings.items is None:
            web.close()
            raise Problem(
                Code.INVALID,
                f"{self._who}: next needs items, so that an error is not taken for the end of the list",
            )

    def units(self) -> Iterator[Unit]:
        yield Unit(self.name, "", self._parts)

    def close(self) -> None:
        self._web.close()

    def _parts(self) -> Iterator[Content]:
        deadline = self._monotonic() + LIST_SECONDS
        seen: set[bytes] = set()
        url = self._first()
        for number in range(1, self._pages + 1):
            with temporary_copy(self._scratch) as copy:
                answer = self._web.fetch(url, copy, self._page_bytes)
                if answer.digest in seen:
                    raise self._endless(
                        f"page {number} is one that was there before: the interface takes no notice of page, or "
                        "repeats its last page beyond the end; look at page, and ask for an empty page at the end"
                    )
                seen.add(answer.digest)
                page = self._look(copy, number) if self._looks else None
                if self._is_over(page, number):
                    return
                yield copy
            following = self._following(answer.url, answer.following, page, number)
            if following is None:
                return
            url = following
            if self._monotonic() > deadline:
                raise Problem(
                    Code.BUSY,
                    f"{self._who}: the list took more than {LIST_SECONDS} seconds; ask for larger pages",
                )
        raise self._endless(f"the list has more than {self._pages} pages; ask for larger pages")

    def _first(self) -> str:
        settings = self._settings
        if settings.page is None or settings.next is not None:
            return self._web.url
        return _with_parameter(self._web.url, settings.page, str(settings.first_page))

    def _look(self, copy: BinaryIO, number: int) -> Page:
        where = self._settings.items or ""
        try:
            page = look_through(copy, where, self._settings.next)
        except ValueError as error:
            raise Problem(
                Code.INVALID,
                f"{self._who}: page {number} is not JSON, or cut off; look at url and token_file",
            ) from error
        if not page.has_list:
            raise Problem(
                Code.INVALID,
                f"{self._who}: page {number} has no list at {where or 'its top'}; it may be an error told in "
                "this way; look at items",
            )
        return page

    def _is_over(self, page: Page | None, number: int) -> bool:
        """Whether this page, not the first, says by having no items that the one before was the last."""
        settings = self._settings
        counted = settings.page is not None and settings.next is None
        return counted and page is not None and not page.has_items and number > 1

    def _following(self, url: str, link: str | None, page: Page | None, number: int) -> str | None:
        settings = self._settings
        if settings.next is not None:
            token = page.following if page is not None else None
            if token is None:
                return None
            if _TOKEN.fullmatch(token) is None:
                raise Problem(Code.INVALID, f"{self._who}: page {number} has no address or token at next")
            if settings.page is None:
                return self._web.beneath(url, token)
            return _with_parameter(self._web.url, settings.page, token)
        if settings.page is not None:
            if page is not None and not page.has_items:
                return None
            return _with_parameter(self._web.url, settings.page, str(settings.first_page + number))
        return None if link is None else self._web.beneath(url, link)

    def _endless(self, what: str) -> Problem:
        return Problem(Code.INVALID, f"{self._who}: {what}")


def _with_parameter(url: str, name: str, value: str) -> str:
    """The address with one query parameter set, in the place of one that has its name."""
    parts = urlsplit(url)
    pairs = [pair for pair in parse_qsl(parts.query, keep_blank_values=True) if pair[0] != name]
    return parts._replace(query=urlencode([*pairs, (name, value)])).geturl()
