"""Encodings are read as declared; hostile markup and hostile sizes end in named refusals."""

from __future__ import annotations

from typing import Any

import pytest
from cap_alerts import (
    ALERT,
    changed,
    only,
    refused,
)
from hypothesis import example, given, settings
from hypothesis import strategies as st

from adapters.cap import CAP_1_2, profile, read_cap
from adapters.cap.document import DOCUMENT_BYTES
from adapters.cap.elements import GRAMMAR
from adapters.drafts import Reason


@pytest.mark.parametrize("declared", ["GBK", "gb2312", "GB18030"])
def test_chinese_encodings_that_are_declared_are_read(declared: str) -> None:
    text = ALERT.replace("UTF-8", declared)
    assert only(read_cap(text.encode("gb18030"))).body == only(read_cap(ALERT.encode())).body


@pytest.mark.parametrize("codec", ["utf-16", "utf-16-le", "utf-16-be", "utf-8-sig"])
def test_marked_and_wide_encodings_are_read(codec: str) -> None:
    text = ALERT.replace("UTF-8", "UTF-16") if "16" in codec else ALERT
    assert only(read_cap(text.encode(codec))).body == only(read_cap(ALERT.encode())).body


def test_text_without_a_declaration_is_utf_8() -> None:
    bare = ALERT.split("\n", 1)[1]
    assert only(read_cap(bare.encode())).body == only(read_cap(ALERT.encode())).body


@pytest.mark.parametrize(
    "data",
    [
        ALERT.encode("gb18030"),
        ALERT.replace("UTF-8", "US-ASCII").encode(),
        ALERT.replace("UTF-8", "EBCDIC-CP-US").encode(),
        ALERT.replace("UTF-8", "UTF-7").encode(),
        ALERT.encode("utf-32"),
        b"\xff\xfe\x00",
    ],
)
def test_text_that_is_not_in_its_encoding_is_refused_and_never_guessed(data: bytes) -> None:
    (flaw,) = read_cap(data).rejections
    assert flaw.reason in (Reason.ENCODING, Reason.NOT_XML)


# Attacks


@pytest.mark.parametrize(
    "doctype",
    [
        '<!DOCTYPE alert [<!ENTITY x SYSTEM "file:///etc/hostname">]>',
        '<!DOCTYPE alert SYSTEM "http://127.0.0.1:9/x.dtd">',
        '<!DOCTYPE alert [<!ENTITY a "ha"><!ENTITY b "&a;&a;"><!ENTITY x "&b;&b;">]>',
        '<!DOCTYPE alert [<!ENTITY % p SYSTEM "http://127.0.0.1:9/p"> %p;]>',
        "<!-- a --><?b c?>\n<!-- - -- --><!DOCTYPE alert>",
        "<!DOCTYPE alert>",
    ],
)
def test_a_doctype_is_refused_before_anything_in_it_is_read(doctype: str) -> None:
    data = changed("<alert", f"{doctype}<alert").replace("可疑车辆".encode(), b"&x;")
    (flaw,) = read_cap(data).rejections
    assert flaw.reason in (Reason.FORBIDDEN_MARKUP, Reason.NOT_XML)
    assert "hostname" not in flaw.line()


def test_the_word_doctype_in_a_text_or_comment_harms_nobody() -> None:
    draft = only(read_cap(changed("可疑车辆协查", "<!-- <!DOCTYPE a> --><![CDATA[<!DOCTYPE a>]]>")))
    assert draft.body["event"] == "<!DOCTYPE a>"


def test_a_billion_laughs_are_refused() -> None:
    laughs = "".join(f'<!ENTITY l{n} "{f"&l{n - 1};" * 10}">' for n in range(1, 10))
    bomb = f'<!DOCTYPE alert [<!ENTITY l0 "lol">{laughs}]>'
    report = read_cap(changed("<alert", f"{bomb}<alert").replace("可疑车辆".encode(), b"&l9;"))
    assert refused(report) == [("/", Reason.FORBIDDEN_MARKUP)]


def test_an_xinclude_is_named_and_not_followed() -> None:
    include = '<xi:include xmlns:xi="http://www.w3.org/2001/XInclude" href="file:///etc/hostname"/></alert>'
    draft = only(read_cap(changed("</alert>", include)))
    assert "include" in draft.not_carried


@pytest.mark.parametrize(
    "data",
    [
        b" " * (DOCUMENT_BYTES + 1),
        b"<a>" * 17 + b"</a>" * 17,
        b"<a>" * 200_000,
        b"<a>" * 100_000 + b"</a>" * 100_000,
    ],
)
def test_what_is_too_large_or_too_deep_is_refused(data: bytes) -> None:
    (flaw,) = read_cap(data).rejections
    assert flaw.reason is Reason.TOO_LARGE


@pytest.mark.parametrize(
    ("piece", "field"),
    [
        ("<code>x</code>", None),
        ("<info><language>zh-CN</language></info>", "info[33]"),
        ("<Info/>", "Info[1]"),
        ("<sender/>", "sender[2]"),
        ("<!-- -->", None),
    ],
)
def test_a_mebibyte_of_small_elements_ends_in_a_report(piece: str, field: str | None) -> None:
    room = (DOCUMENT_BYTES - len(ALERT.encode())) // len(piece)
    report = read_cap(changed("<status>", piece * room + "<status>"))
    assert bool(report.drafts) == (field is None)
    assert field is None or field in {flaw.field for flaw in report.rejections}


NAMES = st.sampled_from(sorted({name for children in GRAMMAR.values() for name in children} | {"alert", "x"}))
TREES = st.recursive(
    st.text(max_size=8),
    lambda inner: st.lists(st.tuples(NAMES, inner), max_size=5),
    max_leaves=25,
)


def _xml(tree: Any) -> str:
    if isinstance(tree, str):
        return tree.replace("&", "&amp;").replace("<", "&lt;")
    return "".join(f"<{name}>{_xml(inner)}</{name}>" for name, inner in tree)


def _ends_in_a_report(data: bytes) -> None:
    report = read_cap(data, default_geocodes=["150600"])
    assert bool(report.drafts) != bool(report.rejections)
    for draft in report.drafts:
        assert profile.flaws(draft.body) == []
    refused(report) if report.rejections else None


@settings(deadline=None)
@given(st.binary(max_size=200))
@example(b"<?xml version='1.0' encoding=''?><a/>")
@example(b"\x00")
def test_any_bytes_end_in_a_report(data: bytes) -> None:
    _ends_in_a_report(data)


@settings(deadline=None, max_examples=200)
@given(
    st.integers(0, len(ALERT)),
    st.integers(0, 30),
    st.text(max_size=6) | st.sampled_from(["<", "&#0;", "]]>"]),
)
def test_any_alert_with_something_cut_out_and_something_put_in_ends_in_a_report(
    start: int, length: int, put: str
) -> None:
    _ends_in_a_report((ALERT[:start] + put + ALERT[start + length :]).encode(errors="surrogatepass"))


@settings(deadline=None, max_examples=200)
@given(TREES)
def test_any_tree_of_known_elements_ends_in_a_report(tree: Any) -> None:
    _ends_in_a_report(f'<alert xmlns="{CAP_1_2}">{_xml(tree)}</alert>'.encode(errors="surrogatepass"))
