"""An alert to change in tests, and how to look at what became of it."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, datetime
from functools import cache
from pathlib import Path

import pytest
from lxml import etree

from adapters.drafts import Draft, Reason, Report

DATA = Path(__file__).parents[2] / "../shared/data/cap"
SENT = datetime(2026, 11, 21, 8, 30, tzinfo=UTC)
SENDER = "610800.exchange"

needs_data = pytest.mark.skipif(not DATA.is_dir(), reason="../shared/data/cap is not there")

ALERT = """<?xml version="1.0" encoding="UTF-8"?>
<alert xmlns="urn:oasis:names:tc:emergency:cap:1.2">
  <identifier>61080041600000_20261121083000</identifier>
  <sender>610800.police</sender>
  <sent>2026-11-21T08:30:00+08:00</sent>
  <status>Exercise</status>
  <msgType>Alert</msgType>
  <scope>Restricted</scope>
  <restriction>演练</restriction>
  <info>
    <language>zh-CN</language>
    <category>Security</category>
    <event>可疑车辆协查</event>
    <responseType>Monitor</responseType>
    <urgency>Immediate</urgency>
    <severity>Severe</severity>
    <certainty>Likely</certainty>
    <effective>2026-11-21T08:30:00+08:00</effective>
    <expires>2026-11-22T08:30:00+08:00</expires>
    <headline>演练:毗邻检查站加强查控</headline>
    <area>
      <areaDesc>府谷县、准格尔旗</areaDesc>
      <geocode><valueName>GB/T 2260</valueName><value>610822</value></geocode>
      <geocode><valueName>GB/T 2260</valueName><value>150622</value></geocode>
    </area>
  </info>
</alert>
"""


def changed(old: str, new: str, *, text: str = ALERT) -> bytes:
    assert old in text
    return text.replace(old, new).encode()


def only(report: Report) -> Draft:
    assert report.rejections == ()
    (draft,) = report.drafts
    return draft


def refused(report: Report) -> list[tuple[str, Reason]]:
    assert report.drafts == ()
    assert all("\n" not in flaw.line(language) for flaw in report.rejections for language in ("zh", "en"))
    return [(flaw.field, flaw.reason) for flaw in report.rejections]


def info() -> str:
    """The only `info` block of `ALERT`."""
    block = re.search("<info>.*</info>", ALERT, re.DOTALL)
    assert block is not None
    return block.group()


@cache
def standard() -> Callable[[bytes], None]:
    """The standard's own schema, as a check that fails with its words."""
    schema = etree.XMLSchema(etree.parse(str(DATA / "CAP-v1.2.xsd")))

    def check(xml: bytes) -> None:
        schema.assertValid(etree.fromstring(xml))

    return check
