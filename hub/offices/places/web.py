"""A web interface of a city: what is asked of it, and how long and how much it may answer.

1. TLS is verified, against `ca` if one is named; neither proxies nor .netrc of the machine are used.
2. The token goes to the origin of `url` and nowhere else: redirects and next pages that lead off it are refused.
3. A broken connection, 429 and 5xx are tried again (`TRIES`), the whole answer anew; all else is told at once.
4. An answer has a largest size, and a time in which all of it must have come, however slowly it trickles.
"""

from __future__ import annotations

import hashlib
import time
from base64 import b64encode
from collections.abc import Callable
from dataclasses import dataclass
from typing import BinaryIO, Final
from urllib.parse import SplitResult, unquote, urljoin, urlsplit

import requests
import structlog
import tenacity
import urllib3

from hub.answers import Session
from hub.errors import Code, Problem
from hub.offices.places.refusal import refusals
from hub.offices.places.secret import read_secret
from hub.offices.settings import Access

logger = structlog.get_logger(__name__)

TRIES: Final = 3
REDIRECTS: Final = 5
SLOWNESS: Final = 10
"""An answer may take so many times `timeout`, which is for each wait, until all of it is there."""
_READ_BYTES: Final = 64 * 1024
_REDIRECT: Final = frozenset({301, 302, 307, 308})
_PORTS: Final = {"http": 80, "https": 443}


@dataclass(frozen=True, slots=True)
class Answer:
    """What is known of an answer beside its bytes. `following` is its Link to the next page, if it has one."""

    url: str
    digest: bytes
    following: str | None


class Web:
    """A session with one origin; close it."""

    def __init__(
        self,
        access: Access,
        who: str,
        *,
        tries: int = TRIES,
        pause: Callable[[float], None] = time.sleep,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        """Raises: Problem `invalid` (address, token), `not-found`, `not-allowed` (the token's file)."""
        parts = _parts(access.url, who)
        self.url = parts._replace(netloc=parts.netloc.rpartition("@")[2]).geturl()
        self._who = who
        self._origin = _origin(parts, who)
        self._seconds = access.timeout_seconds
        self._monotonic = monotonic
        self._session = Session()
        self._session.verify = _certificates(access, who)
        self._session.headers.update({"User-Agent": "border-exchange", "Accept-Encoding": "identity"})
        authorization = _authorization(access, parts, who)
        if authorization is not None:
            self._session.headers["Authorization"] = authorization
            if parts.scheme == "http":
                logger.warning("web.secret-goes-unencrypted", place=who)
        self._retrying = tenacity.Retrying(
            retry=tenacity.retry_if_exception(_passing),
            wait=tenacity.wait_random_exponential(multiplier=0.2, max=10),
            stop=tenacity.stop_after_attempt(tries),
            sleep=pause,
            reraise=True,
        )

    def fetch(self, url: str, into: BinaryIO, most: int) -> Answer:
        """GET what is at `url` (may be relative) into an empty file.

        Raises: Problem `too-large` above `most` bytes; `busy`, `not-allowed`, `not-found`, `invalid`.
        """
        return self._retrying(self._fetch, self.beneath(self.url, url), into, most)

    def put(self, url: str, content: BinaryIO) -> None:
        """PUT a file to `url`. Raises as `fetch`."""
        self._retrying(self._put, self.beneath(self.url, url), content)

    def beneath(self, base: str, reference: str) -> str:
        """The address that `reference` means on the page `base`.

        Raises: Problem `not-allowed` if it leads off the origin.
        """
        try:
            url = urljoin(base, reference)
        except ValueError as error:
            raise _unreadable(self._who) from error
        if _origin(_parts(url, self._who), self._who) != self._origin:
            raise Problem(
                Code.NOT_ALLOWED,
                f"{self._who}: it sends us on to another host, scheme or port, which does not get our token; put "
                "the right address into url",
            )
        return url

    def close(self) -> None:
        self._session.close()

    def _fetch(self, url: str, into: BinaryIO, most: int) -> Answer:
        for _ in range(REDIRECTS + 1):
            with refusals(self._who), self._ask("GET", url, None) as answer:
                if answer.status_code not in _REDIRECT:
                    self._check(answer.status_code, {200})
                    digest = self._receive(answer, into, most)
                    following = answer.links.get("next", {}).get("url")
                    return Answer(url, digest, following)
                url = self.beneath(url, answer.headers.get("Location", ""))
        raise Problem(Code.INVALID, f"{self._who}: redirects without an end; look at url")

    def _put(self, url: str, content: BinaryIO) -> None:
        content.seek(0)
        body = content if content.read(1) else b""
        content.seek(0)
        with refusals(self._who), self._ask("PUT", url, body) as answer:
            self._check(answer.status_code, range(200, 300))

    def _ask(self, method: str, url: str, body: BinaryIO | bytes | None) -> requests.Response:
        try:
            return self._session.request(
                method, url, data=body, timeout=self._seconds, allow_redirects=False, stream=True
            )
        except requests.exceptions.SSLError as error:
            if "CERTIFICATE_VERIFY_FAILED" not in str(error):
                raise
            raise Problem(
                Code.NOT_ALLOWED,
                f"{self._who}: its certificate is not trusted here; name the city's own authority as ca, and compare "
                "the host's name",
            ) from error

    def _check(self, status: int, good: range | set[int]) -> None:
        if status in good:
            return
        who = self._who
        if status in (401, 403):
            raise Problem(
                Code.NOT_ALLOWED, f"{who}: answers {status}; look at token_file, and ask for the right"
            )
        if status in (404, 410):
            raise Problem(Code.NOT_FOUND, f"{who}: answers {status}; look at url")
        if status == 413:
            raise Problem(Code.TOO_LARGE, f"{who}: answers {status}: it takes no file of this size")
        if status in (408, 425, 429) or status >= 500:
            raise Problem(Code.BUSY, f"{who}: answers {status}; the next run tries again")
        raise Problem(
            Code.INVALID, f"{who}: answers {status}; look at url and at the interface's description"
        )

    def _receive(self, answer: requests.Response, into: BinaryIO, most: int) -> bytes:
        deadline = self._monotonic() + SLOWNESS * self._seconds
        into.seek(0)
        into.truncate()
        digest, size = hashlib.sha256(), 0
        raw: urllib3.HTTPResponse = answer.raw
        while part := raw.read1(_READ_BYTES, decode_content=True):
            size += len(part)
            if size > most:
                raise Problem(
                    Code.TOO_LARGE,
                    f"{self._who}: an answer has more than {most} bytes; ask for smaller pages",
                )
            if self._monotonic() > deadline:
                raise Problem(Code.BUSY, f"{self._who}: answers too slowly; the next run tries again")
            digest.update(part)
            into.write(part)
        into.seek(0)
        return digest.digest()


def _passing(error: BaseException) -> bool:
    """Whether another try may help."""
    return isinstance(error, Problem) and error.code is Code.BUSY


def _parts(url: str, who: str) -> SplitResult:
    try:
        parts = urlsplit(url)
        _ = parts.port
    except ValueError as error:
        raise _unreadable(who) from error
    return parts


def _unreadable(who: str) -> Problem:
    return Problem(Code.INVALID, f"{who}: an address cannot be read; look at url")


def _origin(parts: SplitResult, who: str) -> tuple[str, str, int]:
    if parts.scheme not in _PORTS or not parts.hostname:
        raise Problem(Code.INVALID, f"{who}: an address is neither http:// nor https://; look at url")
    return parts.scheme, parts.hostname, parts.port or _PORTS[parts.scheme]


def _certificates(access: Access, who: str) -> bool | str:
    if access.ca is None:
        return True
    if not access.ca.is_file():
        raise Problem(Code.NOT_FOUND, f"{who}: there is no {access.ca}")
    return str(access.ca)


def _authorization(access: Access, parts: SplitResult, who: str) -> str | None:
    """`Bearer` and the token, unless its file names another scheme; or user and password."""
    if access.token_file is not None and access.password_file is not None:
        raise Problem(Code.INVALID, f"{who}: either token_file or password_file, not both")
    if access.token_file is not None:
        token = read_secret(who, access.token_file)
        if not token.isascii():
            raise Problem(Code.INVALID, f"{who}: {access.token_file} holds more than ASCII")
        return token if " " in token else f"Bearer {token}"
    if access.password_file is not None:
        if not parts.username:
            raise Problem(Code.INVALID, f"{who}: a password needs a user: https://user@host/path")
        password = read_secret(who, access.password_file)
        return "Basic " + b64encode(f"{unquote(parts.username)}:{password}".encode()).decode()
    return None
