"""A record that no table of the city takes, as a text that an office worker can read and print.

1. It lies beside the signed original and its receipt, under the same stem, and proves nothing itself: it ends by
   saying where they are and how they are checked.
2. It is UTF-8 with a BOM and lines ended by CR LF, as Windows' editor wants it; in Chinese, as the cities' own files.
3. Nothing in a value can look like a line of its own: a value of several lines stands under its label, each line
   behind a stroke, and what would turn text around is shown by its number (`hub/sheet.py`).
4. It holds personal data where the city's key opened the sealed part. It is for the sink, and for nothing else.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final

from hub import sheet
from hub.errors import Code, Problem
from schemas.kinds import kind
from schemas.labels import label, member_label
from schemas.record import Record

HEADING: Final = (
    "from", "to", "issued_at", "expires_at", "marking", "agreement", "subject", "id", "revision", "withdrawn",
)  # fmt: skip
STROKE: Final = "｜"

_NO_TABLE: Final = "本市系统没有存放此类信息的表，故将原件交来，并附本文供阅读。"
_UNOPENED: Final = "本件的加密部分未能打开，无法写入本市系统，故将原件交来，并附本文供阅读。"
_WITHDRAWN: Final = "来文方已撤回本件，此前交来的各版不再有效。"
_PERSONAL: Final = "以下内容加密传送，由本市密钥打开，可能含有个人信息，请妥善保管。"
_REFUSALS: Final[Mapping[Code, str]] = {
    Code.NOT_ALLOWED: "没有加密给本市的密钥",
    Code.BAD_SIGNATURE: "加密有误，或内容已被改动",
    Code.MALFORMED: "打开后的内容不合规定的格式",
    Code.INVALID: "打开后的内容不合规定的格式",
}


def stem(record: Record) -> str:
    """The name that a record's files share: kind, id and revision, nothing personal."""
    return f"{record.kind}-{record.id}-{record.revision}"


def leaflet(record: Record, private: Mapping[str, Any] | None, refusal: Problem | None) -> bytes:
    """The text of a record.

    Arguments: the record, valid; its sealed part, opened and valid, None where it has none or was not opened; why it
    was not opened, None where nothing but a table is lacking.
    """
    paragraphs = [list(_heading(record, refusal))]
    known = kind(record.kind, record.version)
    if record.body is not None:
        paragraphs.append(
            [_title("body"), *_written(sheet.lines(known.body, record.body, record.kind, "zh"))]
        )
    if private is not None:
        shown = _written(sheet.lines(known.private, private, record.kind, "zh"))
        paragraphs.append([_title("sealed"), _PERSONAL, *shown])
    elif record.sealed is not None:
        paragraphs.append([_title("sealed"), f"未能打开：{_why(refusal)}。"])
    paragraphs.append(list(_original(stem(record))))
    return ("\r\n\r\n".join(map("\r\n".join, paragraphs)) + "\r\n").encode("utf-8-sig")


def _heading(record: Record, refusal: Problem | None) -> Iterator[str]:
    """What kind of record it is, why it comes this way, and what is said of it."""
    withdrawn = record.withdrawn is not None
    yield f"【{label('kind', record.kind, 'zh')}】{'（已撤回）' if withdrawn else ''}"
    yield _WITHDRAWN if withdrawn else _NO_TABLE if refusal is None else _UNOPENED
    members = {
        "from": record.sender,
        "to": record.recipients,
        "issued_at": record.issued_at,
        "expires_at": record.expires_at,
        "marking": record.marking,
        "agreement": record.agreement,
        "subject": record.subject,
        "id": record.id,
        "revision": record.revision,
        "withdrawn": record.withdrawn,
    }
    yield from _written(sheet.envelope(members, HEADING, "zh"))


def _title(member: str) -> str:
    return f"【{member_label(member, 'zh')}】"


def _written(shown: Iterable[tuple[str, str]]) -> Iterator[str]:
    """Labels and values, a line each; the lines of a longer value beneath its label, behind a stroke."""
    for heading, value in shown:
        if "\n" not in value:
            yield f"{heading}：{value}"
            continue
        yield f"{heading}："
        indent = " " * (len(heading) - len(heading.lstrip(" ")) + 2)
        yield from (f"{indent}{STROKE}{line}" for line in value.split("\n"))


def _why(refusal: Problem | None) -> str:
    if refusal is None:
        return "没有用本市密钥打开"
    return _REFUSALS.get(refusal.code) or refusal.title("zh")


def _original(name: str) -> Iterator[str]:
    """Where the original is, and the command that checks it, on a line of its own to be copied."""
    yield f"本文仅供阅读，以签名原件 {name}.jws 为准；原件及其收据 {name}.tlog-proof 与本文放在一处，核验命令："
    yield f"hub verify {name}.jws {name}.tlog-proof --trust 信任仓库目录"
