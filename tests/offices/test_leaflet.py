"""What no table of a city takes comes with a text that its office can read, and that no value can forge a line of."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from partner import CASE, CASE_PRIVATE
from structlog.testing import capture_logs

from adapters import cities
from hub import sheet
from hub.cli.verify import verify
from hub.client import Arrival, Client, Outcome
from hub.cursor import Bookmark
from hub.errors import Code, Problem
from hub.offices.contents import ContentKey
from hub.offices.dispatch import Dispatch, SinkReport
from hub.offices.leaflet import STROKE, leaflet
from hub.offices.office import Office
from hub.offices.settings import SinkSettings, folder_access
from hub.store.offices import OfficeMemory
from keys.seal import seal
from keys.suite import UnsealKey, generate_unseal
from keys.trust_list import Node
from schemas import record as records
from schemas import strict_json
from schemas.record import Record

YINCHUAN = "640100"
"""Its dialect has tables for alerts and events, and none for cases."""
KEY = generate_unseal()
OTHER_KEY = generate_unseal()
UNOPENED = Problem(Code.NOT_ALLOWED, "this part is not sealed to the key")


def sealed_to(key: UnsealKey, private: Mapping[str, Any] = CASE_PRIVATE) -> dict[str, Any]:
    return seal(strict_json.dumps(dict(private)), [key.public])


def case(**changed: Any) -> Record:
    """A case from Yulin to Yinchuan."""
    members = {
        "id": "0193a5c0-0000-7000-8000-000000000001",
        "kind": "mediation_case",
        "version": 1,
        "revision": 1,
        "previous": None,
        "from": "610800",
        "to": [YINCHUAN, "150600"],
        "issued_at": "2026-11-21T00:30:00Z",
        "expires_at": None,
        "marking": "amber",
        "agreement": "border-2026",
        "subject": None,
        "withdrawn": None,
        "salt": "A" * 22,
        "body": CASE,
        "sealed": None,
    }
    return records.load(records.dump({**members, **changed}))


def withdrawn_case() -> Record:
    return case(revision=2, previous="0" * 64, body=None, withdrawn="重复登记")


def text(record: Record, private: Mapping[str, Any] | None = None, refusal: Problem | None = None) -> str:
    return leaflet(record, private, refusal).decode("utf-8-sig").replace("\r\n", "\n")


def lines(record: Record, private: Mapping[str, Any] | None = None) -> list[str]:
    return text(record, private).split("\n")


# -- what stands in it ---------------------------------------------------------------------------------


def test_it_says_what_came_from_whom_and_when_in_words() -> None:
    said = lines(case(expires_at="2027-11-21T00:30:00Z"))
    assert said[0] == "【矛盾纠纷调解案件】"
    for line in (
        "发送方：610800 榆林市",
        "接收方：640100 银川市、150600 鄂尔多斯市",
        "签发时间：2026-11-21 08:30:00 +08:00",
        "保存期限：2027-11-21 08:30:00 +08:00",
        "共享标记：琥珀（接收单位及必要相关方）",
        "所依协议：border-2026",
        "记录编号：0193a5c0-0000-7000-8000-000000000001",
        "修订号：1",
    ):
        assert line in said


def test_the_body_stands_there_by_labels_and_words_of_codes_with_what_belongs_together_indented() -> None:
    place = {"longitude": 110.912, "latitude": 39.371, "description": "麻镇草场"}
    partners = [{"city": "150600", "organisation": "准格尔旗人民调解委员会"}]
    said = text(case(body=CASE | {"place": place, "partners": partners, "police_referral": False}))
    assert "\n【正文】\n案号：(2026)府麻调字第12号\n纠纷类型：草场纠纷\n" in said
    assert "\n地点：\n  经度：110.912\n  纬度：39.371\n  说明：麻镇草场\n" in said
    assert re.search(r"\n\S+ 1：\n  \S+：150600 鄂尔多斯市\n", said)
    assert re.search(r"：否\n", said)


def test_an_answer_names_the_record_that_it_answers() -> None:
    said = case(
        kind="case_contribution", subject="0193a5c0-0000-7000-8000-00000000000f", body={"what": "join"}
    )
    assert "所针对的记录：0193a5c0-0000-7000-8000-00000000000f" in lines(said)


def test_what_the_city_could_open_can_be_read() -> None:
    said = text(case(sealed=sealed_to(KEY)), CASE_PRIVATE)
    assert "【加密部分】" in said
    assert re.search(r"\n  姓名\S*：张某\n", said)
    assert "13900000000" in said


@pytest.mark.parametrize(
    ("code", "words"),
    [
        (Code.NOT_ALLOWED, "没有加密给本市的密钥"),
        (Code.BAD_SIGNATURE, "加密有误，或内容已被改动"),
        (Code.INVALID, "打开后的内容不合规定的格式"),
        (Code.MALFORMED, "打开后的内容不合规定的格式"),
    ],
)
def test_what_could_not_be_opened_is_one_line_that_says_why(code: Code, words: str) -> None:
    said = text(case(sealed=sealed_to(OTHER_KEY)), None, Problem(code, "a detail"))
    assert f"【加密部分】\n未能打开：{words}。\n\n" in said
    assert "未能打开，无法写入本市系统" in said
    assert "a detail" not in said


def test_a_record_without_a_sealed_part_says_nothing_of_one() -> None:
    said = text(case())
    assert "加密" not in said
    assert "没有存放此类信息的表" in said


def test_a_withdrawn_record_says_so_and_why() -> None:
    said = text(withdrawn_case())
    assert said.startswith("【矛盾纠纷调解案件】（已撤回）\n来文方已撤回本件")
    assert "\n撤回原因：重复登记\n" in said
    for absent in ("【正文】", "加密", "没有存放此类信息的表"):
        assert absent not in said


def test_the_command_at_its_end_is_one_that_hub_takes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    last = text(case()).rstrip("\n").split("\n")[-1]
    arguments = last.removeprefix("hub verify ").split(" ")
    name = "mediation_case-0193a5c0-0000-7000-8000-000000000001-1"
    assert arguments[:3] == [f"{name}.jws", f"{name}.tlog-proof", "--trust"]
    for file in arguments[:2]:
        (tmp_path / file).touch()
    (tmp_path / arguments[3]).mkdir()
    monkeypatch.chdir(tmp_path)
    with verify.make_context("verify", list(arguments)) as context:
        assert str(context.params["record"]) == arguments[0]


# -- for an old editor, and against what would mislead its reader --------------------------------------------


def test_windows_editor_shows_it_as_it_is() -> None:
    written = leaflet(case(sealed=sealed_to(KEY)), CASE_PRIVATE | {"summary": "第一段\n第二段"}, None)
    assert written.startswith(b"\xef\xbb\xbf\xe3\x80\x90")
    assert written.endswith(b"\r\n")
    assert written.count(b"\n") == written.count(b"\r\n") == written.count(b"\r")


def test_the_same_record_gives_the_same_bytes() -> None:
    assert leaflet(case(), None, None) == leaflet(case(), None, None)


@pytest.mark.parametrize("member", ["lead", "case_number"])
def test_a_value_of_several_lines_cannot_pass_for_lines_of_the_record(member: str) -> None:
    said = lines(case(body=CASE | {member: "某处\n\n共享标记：白（不限范围）\n【加密部分】"}))
    assert [line for line in said if line.startswith("共享标记：")] == [
        "共享标记：琥珀（接收单位及必要相关方）"
    ]
    assert "【加密部分】" not in said
    assert f"  {STROKE}共享标记：白（不限范围）" in said


def test_the_reason_of_a_withdrawal_cannot_pass_for_lines_of_the_record_either() -> None:
    said = lines(replace(withdrawn_case(), withdrawn="误发\n发送方：150600 鄂尔多斯市"))
    assert [line for line in said if line.startswith("发送方：")] == ["发送方：610800 榆林市"]


@pytest.mark.parametrize(
    "character",
    ["\x00", "\x07", "\x1b", "\r", "\x0b", "\x7f", "\x85", "\u061c", "\u200f", "\u2028", "\u202e", "\u2067",
     "\ud800", "\ufeff"],
)  # fmt: skip
def test_characters_that_are_not_seen_and_do_something_are_shown_by_their_number(character: str) -> None:
    crooked = replace(case(), body=CASE | {"lead": f"甲{character}乙"})
    written = leaflet(crooked, None, None).decode("utf-8").removeprefix("\ufeff").replace("\r\n", "\n")
    assert f"甲<U+{ord(character):04X}>乙" in written
    assert character not in written


@pytest.mark.parametrize("name", ["张㐂某", "\ue863某", "\U00030000某", "ᠮᠠ\u180eᠨ", "a\u200db"])
def test_rare_characters_of_names_and_mongolian_stay_what_they_are(name: str) -> None:
    assert name in text(replace(case(), body=CASE | {"lead": name}))


@given(st.text(st.characters(exclude_categories=())))
def test_whatever_a_value_is_the_lines_of_the_record_stay_the_same(value: str) -> None:
    def own_lines(record: Record) -> list[str]:
        written = leaflet(record, None, None).decode("utf-8-sig")
        labels = (
            line.split("：")[0] for line in re.split(r"\r\n|[\n\r\v\f\x1c-\x1e\x85\u2028\u2029]", written)
        )
        return [each for each in labels if not each.lstrip(" ").startswith(STROKE)]

    crooked = replace(case(), body=CASE | {"lead": value}, agreement=value)
    assert own_lines(crooked) == own_lines(case())


def test_members_that_no_schema_knows_cannot_forge_a_line_by_their_name() -> None:
    shown = list(sheet.lines(None, {"a\n发送方\u202e": 1}, "mediation_case", "zh"))
    assert shown == [("a 发送方<U+202E>", "1")]


def test_a_time_at_the_end_of_all_times_is_shown_as_it_came() -> None:
    last = "9999-12-31T23:59:59+00:00"
    assert list(sheet.envelope({"issued_at": last}, ["issued_at"], "zh")) == [("签发时间", last)]
    assert dict(sheet.lines(None, {"due_at": last}, "mediation_case", "en")).popitem()[1] == last


# -- where it is given ------------------------------------------------------------------------------------


class Inbox(Client):
    """A client before a node that holds these records, and takes every answer."""

    def __init__(self, arrivals: Sequence[Arrival]) -> None:
        self.node = Node("610800.exchange", "http://127.0.0.1:1", (), "", "")
        self._arrivals = arrivals
        self.answered: list[tuple[str, str | None]] = []

    def pull(self, cursor: Bookmark, **_: Any) -> Iterator[Arrival]:
        for arrival in self._arrivals:
            if arrival.index > cursor.after:
                yield arrival
                cursor.after = arrival.index

    def held(self, record_id: str) -> list[Arrival]:
        return [each for each in self._arrivals if each.record.id == record_id]

    def acknowledge(self, original: Arrival, *, outcome: str, reason: str | None = None, **_: Any) -> Outcome:
        self.answered.append((outcome, reason))
        return Outcome("accepted", None, None, None, None)


def given_to(folder: Path, *arrived: Record) -> tuple[SinkReport, Inbox]:
    """Feed Yinchuan's sink, `folder/import`, with these records."""
    (folder / "import").mkdir()
    (folder / "state" / "scratch").mkdir(parents=True)
    inbox = Inbox(
        [
            Arrival(index, each, f"jws-{index}", "0" * 64, f"proof-{index}\n")
            for index, each in enumerate(arrived)
        ]
    )
    with closing(OfficeMemory.open(f"sqlite:///{folder / 'memory.db'}")) as memory:
        office = Office(
            settings=_Settings(YINCHUAN),  # type: ignore[arg-type]
            dialect=cities.dialect(YINCHUAN),
            meaning=b"",
            client=inbox,
            key=KEY,
            memory=memory,
            contents=ContentKey(b"k" * 32),
            clock=lambda: datetime(2026, 11, 21, tzinfo=UTC),
            environment={},
            state=folder / "state",
        )
        settings = SinkSettings(folder_access("import", folder / "import"), frozenset(), None)
        return Dispatch(office).run(settings), inbox


class _Settings:
    def __init__(self, city: str) -> None:
        self.city = city


def test_it_lies_beside_the_signed_original_and_its_receipt(tmp_path: Path) -> None:
    report, inbox = given_to(tmp_path, case(sealed=sealed_to(KEY)))
    name = "mediation_case-0193a5c0-0000-7000-8000-000000000001-1"
    files = {path.name: path.read_bytes() for path in (tmp_path / "import").iterdir()}
    assert files.keys() == {f"{name}.jws", f"{name}.tlog-proof", f"{name}.txt"}
    assert files[f"{name}.txt"] == leaflet(case(sealed=sealed_to(KEY)), CASE_PRIVATE, None)
    assert f"{name}.txt" in report.files
    assert inbox.answered == [("received", "unknown_kind")]


def test_what_is_sealed_to_others_comes_with_a_text_that_says_so(tmp_path: Path) -> None:
    report, inbox = given_to(tmp_path, case(sealed=sealed_to(OTHER_KEY)))
    (path,) = (tmp_path / "import").glob("*.txt")
    assert "未能打开：没有加密给本市的密钥。" in path.read_text(encoding="utf-8-sig")
    assert (report.as_signed, report.unreadable) == (1, 1)
    assert inbox.answered == [("unreadable", "cannot_unseal")]


def test_what_was_sealed_in_a_withdrawn_record_is_not_given_again(tmp_path: Path) -> None:
    given_to(tmp_path, case(sealed=sealed_to(KEY)), withdrawn_case())
    (path,) = (tmp_path / "import").glob("*.txt")
    said = path.read_text(encoding="utf-8-sig")
    assert "撤回原因：重复登记" in said
    assert "张某" not in said


def test_personal_data_stands_in_the_sink_alone(tmp_path: Path) -> None:
    with capture_logs() as logged:
        report, inbox = given_to(tmp_path, case(sealed=sealed_to(KEY)))
    assert "张某" in next((tmp_path / "import").glob("*.txt")).read_text(encoding="utf-8-sig")
    assert [each["event"] for each in logged] == ["sink_fed"]
    kept = [path for path in tmp_path.rglob("*") if path.is_file() and path.parent != tmp_path / "import"]
    assert kept
    for told in (str(logged), repr(report), repr(inbox.answered), *(str(path.read_bytes()) for path in kept)):
        assert "张某" not in told
        assert "13900000000" not in told
