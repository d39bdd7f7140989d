"""A list over HTTP is taken whole or not at all, however its server answers."""

from __future__ import annotations

import gzip
import io
import json
import ssl
from collections.abc import Callable
from contextlib import closing, suppress
from datetime import UTC, datetime, timedelta
from ipaddress import IPv4Address
from pathlib import Path
from typing import Any, BinaryIO, cast

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from hypothesis import given
from hypothesis import strategies as st
from place_settings import secret, source_at
from structlog.testing import capture_logs
from web_server import Asked, Told, WebServer

from hub.errors import Code, Problem
from hub.offices.places.web import Web
from hub.offices.sources.page import look_through
from hub.offices.sources.pages import PageSource

ROWS = [{"CG": number} for number in range(1, 6)]


def listed(rows: list[Any], **beside: Any) -> Told:
    return Told(json.dumps({"code": 0, "data": {"list": rows, **beside}}).encode())


def paged(asked: Asked) -> Told:
    """Two rows a page, counted from one, as most interfaces do."""
    first = (int(asked.query["page"]) - 1) * 2
    return listed(ROWS[first : first + 2])


@pytest.fixture
def take(web: WebServer, tmp_path: Path) -> Callable[..., list[bytes]]:
    """All pages of the list at `/list`."""

    def read(
        path: str = "/list", tries: int = 3, bounds: dict[str, Any] | None = None, **changed: Any
    ) -> list[bytes]:
        settings = source_at(path if "://" in path else web.origin + path, **changed)
        served = Web(settings.access, "source mediation", tries=tries, pause=lambda seconds: None)
        with closing(served), PageSource(settings, served, tmp_path, **(bounds or {})) as source:
            (unit,) = source.units()
            assert (unit.name, unit.stamp) == ("mediation", "")
            return [cast(BinaryIO, part).read() for part in unit.parts()]

    return read


@pytest.fixture
def refused(take: Callable[..., list[bytes]]) -> Callable[..., Problem]:
    def read(*path: str, **changed: Any) -> Problem:
        with pytest.raises(Problem) as raised:
            take(*path, **changed)
        assert "mediation" in raised.value.detail
        return raised.value

    return read


def rows_of(pages: list[bytes]) -> list[Any]:
    return [row for page in pages for row in json.loads(page)["data"]["list"]]


def test_a_list_in_one_answer_comes_as_it_is(web: WebServer, take: Callable[..., list[bytes]]) -> None:
    web.answer = lambda asked: Told(b"<whatever it is/>")
    assert take() == [b"<whatever it is/>"]


def test_pages_are_counted_until_one_is_empty(web: WebServer, take: Callable[..., list[bytes]]) -> None:
    web.answer = paged
    assert rows_of(take("/list?size=2&page=x", page="page", items="data.list")) == ROWS
    assert [asked.query for asked in web.asked] == [{"size": "2", "page": str(n)} for n in (1, 2, 3, 4)]


def test_an_empty_list_is_one_empty_page(web: WebServer, take: Callable[..., list[bytes]]) -> None:
    web.answer = lambda asked: listed([])
    assert len(take(page="page", items="data.list")) == 1
    assert len(web.asked) == 1


def test_next_may_be_an_address(web: WebServer, take: Callable[..., list[bytes]]) -> None:
    def answer(asked: Asked) -> Told:
        at = int(asked.query.get("from", 0))
        return listed(ROWS[at : at + 2], next=f"?from={at + 2}" if at + 2 < 5 else None)

    web.answer = answer
    assert rows_of(take(next="data.next", items="data.list")) == ROWS


def test_next_may_be_a_token(web: WebServer, take: Callable[..., list[bytes]]) -> None:
    def answer(asked: Asked) -> Told:
        at = {"": 0, "/b&c": 2, "4": 4}[asked.query.get("cursor", "")]
        return listed(ROWS[at : at + 2], next={0: "/b&c", 2: 4, 4: ""}[at])

    web.answer = answer
    assert rows_of(take(next="data.next", items="data.list", page="cursor")) == ROWS


def test_a_link_leads_to_the_next_page(web: WebServer, take: Callable[..., list[bytes]]) -> None:
    def answer(asked: Asked) -> Told:
        more = {"Link": '</list?part=2>; rel="next"'} if not asked.query else {}
        return Told(str(asked.query).encode(), headers=more)

    web.answer = answer
    assert take() == [b"{}", b"{'part': '2'}"]


@pytest.mark.parametrize(
    "away",
    ["http://127.0.0.1:1/list", "https://127.0.0.1/list", "//elsewhere/x", "file:///etc/passwd", "http://["],
)
def test_nothing_leads_off_the_origin(
    web: WebServer, refused: Callable[..., Problem], away: str, tmp_path: Path
) -> None:
    token = secret(tmp_path / "token", "abc")
    ways: tuple[tuple[Told, dict[str, Any]], ...] = (
        (Told(headers={"Link": f'<{away}>; rel="next"'}), {}),
        (Told(status=302, headers={"Location": away}), {}),
        (listed(ROWS, next=away), {"next": "data.next", "items": "data.list"}),
    )
    for told, changed in ways:
        web.answer = lambda asked, told=told: told  # type: ignore[misc]
        web.asked.clear()
        assert refused(token_file=token, **changed).code in (Code.NOT_ALLOWED, Code.INVALID)
        assert len(web.asked) == 1


def test_a_redirect_on_the_origin_is_followed_and_a_circle_is_not(
    web: WebServer, take: Callable[..., list[bytes]], refused: Callable[..., Problem]
) -> None:
    web.answer = lambda asked: (
        Told(b"here") if asked.path == "/list/" else Told(b"", 301, {"Location": "/list/"})
    )
    assert take() == [b"here"]
    web.answer = lambda asked: Told(b"", 301, {"Location": "/list"})
    assert refused().code is Code.INVALID


def test_the_body_of_a_redirect_is_not_read(web: WebServer, take: Callable[..., list[bytes]]) -> None:
    endless = Told(b"x", 302, {"Location": "/list/"}, length=10**12, stall=True)
    web.answer = lambda asked: Told(b"here") if asked.path == "/list/" else endless
    assert take(timeout_seconds=2, tries=1) == [b"here"]


def test_a_server_that_takes_no_notice_of_the_page_is_named(
    web: WebServer, refused: Callable[..., Problem]
) -> None:
    web.answer = lambda asked: listed(ROWS)
    problem = refused(page="pageNum", items="data.list")
    assert problem.code is Code.INVALID
    assert len(web.asked) == 2


def test_a_list_without_an_end_is_refused(web: WebServer, refused: Callable[..., Problem]) -> None:
    web.answer = lambda asked: listed(ROWS, at=len(web.asked))
    assert refused(page="page", items="data.list", bounds={"pages": 20}).code is Code.INVALID
    assert len(web.asked) == 20


def test_a_list_that_takes_too_long_is_busy(web: WebServer, refused: Callable[..., Problem]) -> None:
    web.answer = lambda asked: listed(ROWS, at=len(web.asked))
    seconds = iter(range(0, 10**6, 2_000))
    assert (
        refused(page="page", items="data.list", bounds={"monotonic": lambda: next(seconds)}).code is Code.BUSY
    )


@pytest.mark.parametrize(
    "garbage",
    [
        b"",
        b"<html>\xb5\xc7\xc2\xbc</html>",
        b'{"code": 401, "msg": "token expired", "data": null}',
        b'{"code": 401, "data": {"list": null}}',
        b'{"data": {"list": {"0": {}}}}',
        b'{"data": {"list": [{"CG": 1}, {"CG"',
        b'{"data": {"list": []}} trailing',
        b"[" * 100_000,
        b'{"data": {"list": [' + b"9" * 100_000 + b"]}}",
        b"\x00\xff" * 1000,
    ],
)
def test_a_page_that_is_no_list_is_not_taken_for_the_end(
    web: WebServer, refused: Callable[..., Problem], garbage: bytes
) -> None:
    web.answer = lambda asked: listed(ROWS[:2]) if asked.query["page"] == "1" else Told(garbage)
    assert refused(page="page", items="data.list").code is Code.INVALID


def test_next_needs_items(refused: Callable[..., Problem]) -> None:
    assert refused(next="data.next").code is Code.INVALID


@pytest.mark.parametrize(
    ("status", "code"),
    [
        (401, Code.NOT_ALLOWED),
        (403, Code.NOT_ALLOWED),
        (404, Code.NOT_FOUND),
        (400, Code.INVALID),
        (204, Code.INVALID),
    ],
)
def test_a_refusal_is_told_at_once(
    web: WebServer, refused: Callable[..., Problem], status: int, code: Code
) -> None:
    web.answer = lambda asked: Told(b"", status)
    assert refused().code is code
    assert len(web.asked) == 1


def test_a_server_that_fails_once_is_asked_again(web: WebServer, take: Callable[..., list[bytes]]) -> None:
    web.answer = lambda asked: Told(b"fine") if len(web.asked) > 2 else Told(b"no", 500)
    assert take() == [b"fine"]


def test_a_server_that_goes_on_failing_is_busy(web: WebServer, refused: Callable[..., Problem]) -> None:
    web.answer = lambda asked: Told(b"", 503)
    assert refused().code is Code.BUSY
    assert len(web.asked) == 3


def test_an_answer_that_is_cut_off_is_asked_for_again_and_never_short(
    web: WebServer, take: Callable[..., list[bytes]], refused: Callable[..., Problem]
) -> None:
    web.answer = lambda asked: Told(b"whole") if len(web.asked) > 1 else Told(b"who", length=5)
    assert take() == [b"whole"]
    web.answer = lambda asked: Told(b"who", length=5)
    assert refused().code is Code.BUSY


def test_a_page_that_fails_fails_the_list(web: WebServer, refused: Callable[..., Problem]) -> None:
    web.answer = lambda asked: paged(asked) if asked.query["page"] != "3" else Told(b"", 500)
    assert refused(page="page", items="data.list").code is Code.BUSY


def test_a_server_that_hangs_is_busy(web: WebServer, refused: Callable[..., Problem]) -> None:
    web.answer = lambda asked: Told(hang=True)
    assert refused(timeout_seconds=0.2, tries=1).code is Code.BUSY


def test_an_answer_that_trickles_is_busy(web: WebServer, tmp_path: Path) -> None:
    web.answer = lambda asked: Told(b"x" * 1_000_000)
    settings = source_at(web.origin)
    seconds = iter(range(0, 10**6, 30))
    served = Web(settings.access, "source mediation", tries=1, monotonic=lambda: next(seconds))
    with PageSource(settings, served, tmp_path) as source, pytest.raises(Problem) as raised:
        (unit,) = source.units()
        list(unit.parts())
    assert raised.value.code is Code.BUSY
    assert "slowly" in raised.value.detail


@pytest.mark.parametrize("token", ["two words", "\ud800", "x" * 5_000])
def test_a_token_that_is_none_is_refused(web: WebServer, refused: Callable[..., Problem], token: str) -> None:
    web.answer = lambda asked: listed(ROWS, next=token)
    assert refused(page="cursor", next="data.next", items="data.list").code is Code.INVALID


def test_an_answer_without_an_end_is_refused(web: WebServer, refused: Callable[..., Problem]) -> None:
    web.answer = lambda asked: listed(["x" * 10_000])
    problem = refused(page="page", items="data.list", bounds={"page_bytes": 9_000})
    assert problem.code is Code.TOO_LARGE


def test_a_packed_answer_that_unpacks_without_an_end_is_refused(
    web: WebServer, refused: Callable[..., Problem]
) -> None:
    web.answer = lambda asked: Told(gzip.compress(b"0" * 50_000_000), headers={"Content-Encoding": "gzip"})
    assert refused(page="page", bounds={"page_bytes": 100_000}).code is Code.TOO_LARGE


def test_the_token_is_sent_and_neither_told_nor_logged(
    web: WebServer, refused: Callable[..., Problem], tmp_path: Path
) -> None:
    web.answer = lambda asked: Told(b"", 401)
    with capture_logs() as logs:
        problem = refused(token_file=secret(tmp_path / "token", "t0p.s3cret"))
    assert web.asked[0].headers["Authorization"] == "Bearer t0p.s3cret"
    assert "s3cret" not in problem.detail + str(logs)
    assert [each["event"] for each in logs] == ["web.secret-goes-unencrypted"]


def test_a_user_with_a_password_logs_in_by_basic(
    web: WebServer, take: Callable[..., list[bytes]], tmp_path: Path
) -> None:
    web.answer = lambda asked: Told(b"in")
    url = web.origin.replace("//", "//office@") + "/list"
    assert take(url, password_file=secret(tmp_path / "password", "pw")) == [b"in"]
    assert web.asked[0].headers["Authorization"] == "Basic b2ZmaWNlOnB3"


@pytest.mark.parametrize("url", ["https://", "http://[", "http://host:port/"])
def test_an_address_that_is_none_is_named(refused: Callable[..., Problem], url: str) -> None:
    assert refused(url).code is Code.INVALID


def test_tls_is_verified_against_the_citys_own_authority(
    tmp_path: Path, take: Callable[..., list[bytes]], refused: Callable[..., Problem]
) -> None:
    certificate = self_signed(tmp_path)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    with WebServer(context) as encrypted:
        encrypted.answer = lambda asked: Told(b"private")
        problem = refused(encrypted.origin + "/list", token_file=secret(tmp_path / "token", "abc"))
        assert problem.code is Code.NOT_ALLOWED
        assert "certificate" in problem.detail
        assert encrypted.asked == []
        assert take(encrypted.origin + "/list", ca=certificate) == [b"private"]


def self_signed(folder: Path) -> Path:
    """A key and a certificate for 127.0.0.1, in one file."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "office")])
    at = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(at - timedelta(days=1))
        .not_valid_after(at + timedelta(days=1))
        .add_extension(
            x509.SubjectAlternativeName([x509.IPAddress(IPv4Address("127.0.0.1"))]), critical=False
        )
        .sign(key, hashes.SHA256())
    )
    plain = (serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    path = folder / "office.pem"
    path.write_bytes(key.private_bytes(*plain) + certificate.public_bytes(serialization.Encoding.PEM))
    return path


@given(st.binary(max_size=60), st.integers(0, 60), st.integers(0, 60))
def test_a_page_of_any_bytes_is_looked_through_or_refused(bytes_: bytes, start: int, end: int) -> None:
    page = b'{"data": {"list": [{"CG": [1.5, null]}], "next": "x"}}'
    with suppress(ValueError):
        look_through(io.BytesIO(page[:start] + bytes_ + page[end:]), "data.list", "data.next")


def test_a_page_with_text_in_gb18030_is_looked_through() -> None:
    page = '{"数据": [{"标题": "草场界线纠纷调解记录一二三四"}], "next": "b"}'
    for encoding in ("utf-8", "utf-8-sig", "gb18030"):
        text = (
            page.encode(encoding) if encoding != "gb18030" else page.replace("数据", "data").encode(encoding)
        )
        seen = look_through(io.BytesIO(text), "data" if encoding == "gb18030" else "数据", "next")
        assert (seen.has_list, seen.has_items, seen.following) == (True, True, "b")
