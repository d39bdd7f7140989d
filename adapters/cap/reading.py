"""CAP XML -> drafts of alerts.

The steps, in the order of the code:
1. Bytes become an element tree (`document`), an alert of CAP 1.2 or 1.1, structurally sound (`elements`).
2. What concerns the whole message is read: identifier, sender, sent, status, kind, scope, references.
3. The `info` blocks of the best language are chosen; each becomes a body (`info`).
4. What the profile cannot carry is named.
5. Only if nothing was refused: the profile's own schema judges each body.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Final

from lxml import etree

from adapters.cap import profile
from adapters.cap.document import line_of, read_document
from adapters.cap.elements import Node, plain, read_elements
from adapters.cap.fields import Fields
from adapters.cap.info import InfoReading, Message, Options
from adapters.cap.vocabulary import (
    CAP_1_1,
    CAP_1_2,
    MESSAGE_TYPE,
    NOT_WARNINGS,
    PROFILE,
    SCOPE,
    STATUS,
    references_of,
    time_of,
)
from adapters.drafts import Draft, Place, Reason, Rejection, Report, reject
from hub.errors import Code, Problem

DEFAULT_VALIDITY: Final = timedelta(hours=24)
"""How long an alert without `expires` holds, unless the person who converts it says otherwise."""

INFO_BLOCKS: Final = 32
"""The most blocks of one language, each of which becomes a draft."""

_LISTS: Final = frozenset({"feed", "rss", "alerts", "EDXLDistribution"})
_REST: Final = ("source", "restriction", "addresses", "note", "incidents")


def read_cap(
    data: bytes,
    *,
    default_geocodes: Sequence[str] = (),
    expires_after: timedelta = DEFAULT_VALIDITY,
) -> Report:
    """The alerts of one CAP file, or what to mend in it.

    `default_geocodes` are six-digit divisions for areas that name none (usually the recipients' codes);
    `expires_after` is the validity, from the latest of sent, effective and onset, of an `info` without
    `expires`. Whatever the bytes are, the answer is a `Report`. Raises `Problem` (invalid) if an argument is
    wrong.
    """
    if expires_after <= timedelta():
        raise Problem(Code.INVALID, "the validity of an alert must be longer than nothing")
    if not all(profile.division(code) == code for code in default_geocodes):
        raise Problem(Code.INVALID, "the codes for areas must be present six-digit divisions")
    root = read_document(data)
    if isinstance(root, Rejection):
        return Report((), (root,))
    foreign = _not_an_alert(root)
    if foreign is not None:
        return Report((), (foreign,))
    fields = Fields()
    alert = read_elements(root, fields.rejections)
    fields.verbatim = _written_here(alert)
    drafts = _drafts(alert, fields, Options(tuple(default_geocodes), expires_after))
    if fields.rejections:
        return Report((), tuple(sorted(fields.rejections, key=lambda flaw: flaw.place.row or 0)))
    return Report(tuple(drafts), ())


def _not_an_alert(root: etree._Element) -> Rejection | None:
    tag, place = etree.QName(root), Place(line_of(root))
    if tag.localname in _LISTS:
        return reject(place, plain(tag.localname), Reason.SEVERAL_UNITS)
    if tag.localname != "alert":
        zh, en = "请选取根元素为 alert 的 CAP 文件", "choose a CAP file, whose root element is alert"
        return reject(place, plain(tag.localname), Reason.WRONG_FORMAT, zh=zh, en=en)
    if tag.namespace not in (CAP_1_2, CAP_1_1):
        zh, en = f"请以 CAP 1.2 导出（命名空间 {CAP_1_2}）", f"export it as CAP 1.2 (namespace {CAP_1_2})"
        return reject(place, "alert/@xmlns", Reason.WRONG_VERSION, zh=zh, en=en)
    return None


def _drafts(alert: Node, fields: Fields, options: Options) -> list[Draft]:
    """The drafts of an alert, to be thrown away if the fields have rejections."""
    message = _message(alert, fields)
    chosen = _best_language(alert.all("info"))
    if not chosen:
        fields.missing(alert, "info")
    if len(chosen) > INFO_BLOCKS:
        fields.refuse(chosen[INFO_BLOCKS], Reason.TOO_LARGE)
        chosen = []
    readings = [InfoReading(info, message, fields, options) for info in chosen]
    if not fields.rejections:
        fields.rejections.extend(flaw for reading in readings for flaw in reading.judged())
    not_carried = _not_carried(alert, chosen)
    local_number = f"{message.sender},{message.identifier},{message.sent}"
    return [
        Draft(
            kind=profile.KIND,
            version=profile.VERSION,
            body=reading.body,
            local_number=local_number if part == 1 else f"{local_number}#{part}",
            place=reading.info.place,
            not_carried=(*not_carried, *reading.not_carried),
            supplied=tuple(reading.supplied),
        )
        for part, reading in enumerate(readings, 1)
    ]


def _written_here(alert: Node) -> bool:
    """Whether the alert says that it was written from the profile."""
    return any(code.text.strip() == PROFILE for code in alert.all("code"))


def _message(alert: Node, fields: Fields) -> Message:
    if alert.token("msgType") in NOT_WARNINGS:
        zh, en = "回执请用 acknowledgement 记录", "send the answer as an acknowledgement"
        fields.refuse(alert.all("msgType")[0], Reason.OUTSIDE_SCHEMA, zh=zh, en=en)
        message_type = None
    else:
        message_type = fields.code(alert, "msgType", MESSAGE_TYPE)
    fields.code(alert, "scope", SCOPE)
    sent = fields.time(alert, "sent")
    if alert.first("sent") is None:
        fields.missing(alert, "sent")
    identifier, sender = fields.token(alert, "identifier"), fields.token(alert, "sender")
    return Message(
        identifier=identifier or "",
        sender=sender or "",
        sent=sent or "",
        status=fields.code(alert, "status", STATUS),
        message_type=message_type,
        references=_references(alert, fields, message_type, (sender, identifier, sent)),
        ours=_written_here(alert),
    )


def _references(
    alert: Node, fields: Fields, message_type: str | None, own: tuple[str | None, str | None, str | None]
) -> list[dict[str, str]]:
    """What the alert refers to; flawed if that is itself or something later."""
    node = alert.first("references")
    if node is None:
        if message_type in ("update", "cancel"):
            zh, en = "更新或解除须引用原预警", "an update or cancel must name the alert that it follows"
            fields.missing(alert, "references", zh=zh, en=en)
        return []
    references = references_of(node.text)
    if references is None:
        zh = "每条应为“发送者,标识,时间”，各条以空格分隔"
        en = "write sender,identifier,sent for each, with spaces between them"
        fields.refuse(node, Reason.BAD_TEXT, node.text, zh=zh, en=en)
        return []
    sent = time_of(own[2] or "")
    for reference in references:
        moment = time_of(reference["sent"])
        itself = (reference["sender"], reference["identifier"]) == own[:2] and moment == sent
        if itself or (sent is not None and moment is not None and moment > sent):
            zh, en = "不得引用自身或更晚的预警", "an alert refers to earlier ones only"
            fields.refuse(node, Reason.CONTRADICTION, zh=zh, en=en)
            break
    return references


def _best_language(infos: Sequence[Node]) -> list[Node]:
    """All blocks of one language: zh-CN, other Chinese, English, else that of the first block."""

    def rank(language: str) -> int:
        ranks = {"zh-cn": 0, "zh-hans-cn": 0, "zh-hans": 0}
        return ranks.get(language, 1 if language.startswith("zh") else 2 if language.startswith("en") else 3)

    languages = [info.token("language").lower() or "en-us" for info in infos]
    best = min(languages, key=rank, default="")
    return [info for info, language in zip(infos, languages, strict=True) if language == best]


def _not_carried(alert: Node, chosen: Sequence[Node]) -> list[str]:
    """Paths of what stands in the message outside the chosen blocks and finds no place in the profile."""
    paths = ["sender", "sent"]
    paths += ["scope"] if alert.token("scope") != "Restricted" else []
    paths += [child.path for name in _REST for child in alert.all(name)]
    paths += [code.path for code in alert.all("code") if code.text.strip() != PROFILE]
    paths += alert.others
    read = {info.path for info in chosen}
    paths += [info.path for info in alert.all("info") if info.path not in read]
    return paths
