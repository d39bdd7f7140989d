"""A data officer tries an export, reads what is wrong, and mends it from the report alone."""

from __future__ import annotations

import os
import pty
import re
import select
import subprocess
import sys
import time
from html.parser import HTMLParser
from pathlib import Path

import pytest
from click.testing import CliRunner
from conftest import Hub

import adapters.cities
from adapters.cities import DIALECTS, sample, samples
from hub.cli import check as check_command
from hub.cli import cli

ORDOS = "150600"
SAMPLES = [(city, name) for city in DIALECTS for name in samples(city)]
HALF_WIDTH = re.compile(r"[\u4e00-\u9fff][,;:?!]|[,;:?!][\u4e00-\u9fff]")


def lines_of_ordos() -> list[str]:
    return sample(ORDOS, "mediation_case.csv").decode("gb18030").split("\r\n")


def write(path: Path, lines: list[str]) -> Path:
    path.write_bytes("\r\n".join(lines).encode("gb18030"))
    return path


@pytest.fixture
def broken(tmp_path: Path) -> Path:
    """The sample with a column renamed, a cell emptied, a code invented, a day that is none, a number used twice."""
    lines = lines_of_ordos()
    for at, old, new in (
        (2, "案件状态", "办案状态"),
        (3, "草牧场纠纷", "外星人纠纷"),
        (5, "准格尔旗龙口镇人民调解委员会", ""),
        (6, "2026/10/28", "2026年2月30日"),
        (8, "鄂前调〔2026〕5号", "准调〔2026〕32号"),
    ):
        assert old in lines[at]
        lines[at] = lines[at].replace(old, new, 1)
    return write(tmp_path / "台账.csv", lines)


@pytest.mark.parametrize(("city", "name"), SAMPLES)
def test_a_sample_is_found_clean_whatever_it_is_called(
    hub: Hub, city: str, name: str, tmp_path: Path
) -> None:
    file = tmp_path / "export"
    assert hub("adapt", "sample", city, name, "-o", file).code == 0
    checked = hub("adapt", "check", "--city", city, file, "--json")
    assert checked.code == 0
    (account,) = checked.json["files"]
    assert account["rejections"] == []
    assert account["sent"] > 0
    assert account["rows"] == account["sent"] + account["refused"] + account["passed_over"]


@pytest.mark.parametrize("city", DIALECTS)
def test_a_sample_goes_through_a_pipe_byte_for_byte(city: str, hub: Hub) -> None:
    made = CliRunner().invoke(cli, ["adapt", "sample", city], prog_name="hub")
    assert made.stdout_bytes == sample(city)
    assert hub("adapt", "check", "--city", city, "-", stdin=made.stdout_bytes).code == 0
    others = list(samples(city))[1:]
    assert all(f"hub adapt sample {city} {name}" in made.stderr for name in others)


def test_five_mistakes_are_told_by_row_and_column_and_mended_from_the_report(
    hub: Hub, broken: Path, tmp_path: Path
) -> None:
    said = hub("adapt", "check", "--city", ORDOS, broken, lang="zh")
    assert said.code == 1
    assert "7 条 = 可发送 0 + 退回 4 + 略过 3" in said.out
    for told in (
        "“案件状态”列：表中没有这一列",
        "表中有相近的列“办案状态”",
        "“纠纷类型”列：代码不在代码表中",
        "草场纠纷",
        "“调解组织”列：缺少必填内容",
        "“协议达成日期”列：日期或时间不合要求",
        "日历上没有这一天",
        "〔9999字9字99字〕",
        "“案件编号”列：编号重复",
        "与第 6 行编号相同",
    ):
        assert told in said.out
    for value in ("外星人", "2月30日", "张某", "准调"):
        assert value not in said.out
    mended = write(tmp_path / "mended.csv", lines_of_ordos())
    assert hub("adapt", "check", "--city", ORDOS, mended).code == 0


def test_the_report_is_chinese_in_chinese_and_english_in_english(hub: Hub, broken: Path) -> None:
    chinese = hub("adapt", "check", "--city", ORDOS, broken, lang="zh").out
    assert not HALF_WIDTH.search(chinese)
    english = hub("adapt", "check", "--city", ORDOS, broken).out
    assert "7 = 0 to send + 4 refused + 3 passed over" in english
    assert "column “案件编号”: the local number appears more than once" in english
    assert "第" not in english


def test_three_thousand_rows_with_one_flaw_take_a_few_lines(hub: Hub, tmp_path: Path) -> None:
    lines = lines_of_ordos()
    row = lines[5].replace("邻里", "邻家琐事")
    file = write(tmp_path / "x", [*lines[:3], *[row.replace("32号", f"{n}号") for n in range(3_000)]])
    said = hub("adapt", "check", "--city", ORDOS, file, lang="zh")
    assert "（3,000 条）" in said.out
    assert "第 4–3003 行" in said.out
    assert len(said.out.splitlines()) < 20
    (account,) = hub("adapt", "check", "--city", ORDOS, file, "--json").json["files"]
    assert len(account["rejections"]) == 3_000
    assert account["rejections_left_out"] == 0


def test_a_program_is_told_what_the_list_leaves_out(
    hub: Hub, broken: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(check_command, "LISTED", 3)
    told = hub("adapt", "check", "--city", ORDOS, broken, broken, "--json")
    assert told.code == 1
    assert told.json["clean"] is False
    first, second = told.json["files"]
    assert (len(first["rejections"]), len(second["rejections"])) == (3, 0)
    assert first["rejections_left_out"] == second["rejections_left_out"] - 3
    assert all(row["line"] and row["next"] for row in first["rejections"])


def test_reminders_of_a_schema_are_shown_and_refuse_nothing(hub: Hub, tmp_path: Path) -> None:
    event = sample("610800", "event_security.json").decode()
    assert '"city"' in event or "市" in event
    changed = re.sub(r'("YJRS": *"?)\d+', r"\g<1>1200", event)
    file = tmp_path / "e.json"
    file.write_text(changed)
    said = hub("adapt", "check", "--city", "榆林", file, lang="zh")
    assert said.code == 0
    assert "提醒" in said.out
    assert "第十二条" in said.out


class _Page(HTMLParser):
    """What a page is made of."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str | None]] = []
        self.words = ""
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += attrs

    def handle_data(self, data: str) -> None:
        self.words += data


@pytest.mark.parametrize("lang", ["zh", "en"])
def test_the_page_says_the_same_and_loads_nothing(hub: Hub, broken: Path, tmp_path: Path, lang: str) -> None:
    html = tmp_path / "report.html"
    assert hub("adapt", "check", "--city", ORDOS, broken, "--html", html, lang=lang).code == 1
    page = _Page(html.read_text(encoding="utf-8"))
    assert not {"script", "link", "img", "iframe", "object", "base"} & set(page.tags)
    assert all(
        value is not None and value.startswith("#") for name, value in page.attributes if name == "href"
    )
    assert not any(name == "src" or name.startswith("on") for name, _value in page.attributes)
    assert "url(" not in page.words
    assert "@import" not in page.words
    assert ("7 条中有 4 条需要改正" if lang == "zh" else "4 of 7 rows must be mended") in page.words
    assert "协议达成日期" in page.words
    assert "外星人" not in page.words


def test_hostile_names_are_text_on_the_page_and_in_the_terminal(hub: Hub, tmp_path: Path) -> None:
    lines = lines_of_ordos()
    lines[2] = lines[2].replace("风险等级", "<script>alert(1)</script>")
    file = write(tmp_path / "<img src=x onerror=y>\x1b[31m.csv", lines)
    html = tmp_path / "r.html"
    said = hub("adapt", "check", "--city", ORDOS, file, "--html", html)
    assert "\x1b" not in said.out
    page = _Page(html.read_text(encoding="utf-8"))
    assert not {"script", "img"} & set(page.tags)
    assert "<script>alert(1)</script>" in page.words


def test_the_page_is_never_written_over_the_export(hub: Hub, broken: Path) -> None:
    before = broken.read_bytes()
    assert hub("adapt", "check", "--city", ORDOS, broken, "--html", broken).code == 2
    assert broken.read_bytes() == before


@pytest.mark.parametrize("lang", ["zh", "en"])
@pytest.mark.parametrize(
    ("content", "zh", "en"),
    [
        (b"", "文件是空的", "the file is empty"),
        (b"%PDF-1.7\n%\xe2\xe3", "看来是PDF", "it looks like a PDF"),
        (b"\n<html><table>", "网页", "a web page"),
        (bytes(range(256)) * 40, "请核对是否选对了文件和城市", "check file and city"),
        ("姓名,电话\n张某,1\n".encode(), "没有找到表头", "no heading was found"),
    ],
    ids=["empty", "pdf", "html", "random", "another table"],
)
def test_what_is_no_export_is_refused_by_name(
    hub: Hub, tmp_path: Path, content: bytes, zh: str, en: str, lang: str
) -> None:
    file = tmp_path / "导出.xls"
    file.write_bytes(content)
    said = hub("adapt", "check", "--city", ORDOS, file, lang=lang)
    assert said.code == 1
    assert (zh if lang == "zh" else en) in said.out
    assert ("无法读取此文件" if lang == "zh" else "The file cannot be read") in said.out


@pytest.mark.parametrize(("file", "code"), [(".", 2), ("missing.csv", 2), ("/dev/zero", 1)])
def test_folders_devices_and_missing_files_are_refused_by_name(hub: Hub, file: str, code: int) -> None:
    for lang in ("zh", "en"):
        said = hub("adapt", "check", "--city", ORDOS, file, lang=lang)
        assert said.code == code
        assert file in said.err
        assert "Unexpected" not in said.err


def test_a_pipe_that_never_ends_is_refused_at_its_limit(
    hub: Hub, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(check_command, "PIPED_BYTES", 1024)
    said = hub("adapt", "check", "--city", ORDOS, "-", stdin=b"\0" * 5000, lang="zh")
    assert said.code == 1
    assert said.err.startswith("✗ 导出文件过大")
    monkeypatch.setattr(check_command, "FILE_BYTES", 1024)
    (tmp_path / "x").write_bytes(b"\0" * 5000)
    assert "at most 1024 bytes" in hub("adapt", "check", "--city", ORDOS, tmp_path / "x").err


def test_a_city_file_that_stands_elsewhere_is_tried_out(hub: Hub, tmp_path: Path) -> None:
    source = Path(adapters.cities.__file__).parent / "ordos_150600.py"
    own = tmp_path / "mine.py"
    own.write_text(source.read_text(encoding="utf-8").replace('"案件状态"', '"办案状态"'), encoding="utf-8")
    lines = lines_of_ordos()
    lines[2] = lines[2].replace("案件状态", "办案状态")
    file = write(tmp_path / "x.csv", lines)
    assert hub("adapt", "check", "--city", ORDOS, file).code == 1
    assert hub("adapt", "check", "--dialect", own, file).code == 0
    assert "--city says 610800" in hub("adapt", "check", "--city", "610800", "--dialect", own, file).err
    own.write_text("DIALECT = 1/0")
    said = hub("adapt", "check", "--dialect", own, file, lang="zh")
    assert said.err.startswith("✗ 城市文件有误")
    assert "mine.py: ZeroDivisionError" in said.err


def test_a_city_is_named_by_code_or_name_and_those_that_there_are_are_told(hub: Hub, tmp_path: Path) -> None:
    file = write(tmp_path / "x", lines_of_ordos())
    assert hub("adapt", "check", "--city", "鄂尔多斯市", file).code == 0
    said = hub("adapt", "check", "--city", "火星", file)
    assert said.code == 2
    assert "150600 Ordos" in said.err
    assert hub("adapt", "check", file).code == 2


def test_samples_are_listed_with_what_is_in_them(hub: Hub) -> None:
    listed = hub("adapt", "sample", "--list", "--json").json["samples"]
    assert [(row["city"], row["name"]) for row in listed] == SAMPLES
    assert all(row["kinds"] and row["bytes"] for row in listed)
    assert "矛盾纠纷" in hub("adapt", "sample", ORDOS, "--list", lang="zh").out


def test_all_samples_go_into_a_folder_and_nothing_is_written_over(hub: Hub, tmp_path: Path) -> None:
    folder = tmp_path / "new"
    assert hub("adapt", "sample", ORDOS, "-o", f"{folder}/").code == 0
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == samples(ORDOS)
    said = hub("adapt", "sample", ORDOS, "-o", folder)
    assert said.code == 1
    assert "is there already" in said.err
    one = hub("adapt", "sample", ORDOS, "joint_inspection.csv", "-o", tmp_path / "x.csv")
    assert one.err == ""
    assert (tmp_path / "x.csv").read_bytes() == sample(ORDOS, "joint_inspection.csv")


def test_a_sample_that_there_is_not_is_told_with_those_that_there_are(hub: Hub) -> None:
    said = hub("adapt", "sample", ORDOS, "nothing.csv", lang="zh")
    assert said.code == 1
    assert said.err.startswith("✗ 没有该样例")
    assert "joint_inspection.csv" in said.err
    assert hub("adapt", "sample").code == 2


@pytest.mark.parametrize(("name", "shown"), [("mediation_case.csv", False), ("mediation_case.json", True)])
def test_a_terminal_gets_no_bytes_that_it_cannot_show(name: str, shown: bool) -> None:
    city = ORDOS if name.endswith("csv") else "610800"
    ours, theirs = pty.openpty()
    command = [sys.executable, "-m", "hub", "adapt", "sample", city, name]
    with subprocess.Popen(
        command, stdout=theirs, stderr=subprocess.PIPE, env={**os.environ, "HUB_LANG": "en"}
    ) as process:
        os.close(theirs)
        seen = _seen(ours)
        assert process.stderr is not None
        told = process.stderr.read().decode()
    os.close(ours)
    assert process.returncode == (0 if shown else 1)
    assert bool(seen) == shown
    assert shown or f"hub adapt sample {city} {name} -o {name}" in told


def _seen(terminal: int) -> bytes:
    """What a terminal shows until its program ends."""
    seen, deadline = b"", time.monotonic() + 30
    while time.monotonic() < deadline:
        if not select.select([terminal], [], [], 1)[0]:
            continue
        try:
            piece = os.read(terminal, 65_536)
        except OSError:
            break
        if not piece:
            break
        seen += piece
    return seen
