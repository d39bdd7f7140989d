"""Exports that others made go through city files as a data officer writes them, and a city is added by its file.

The hotline's workbook and the alerts lie in `../shared/data`, outside the project; nothing of them is repeated here.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import openpyxl
import pytest
from cap_alerts import DATA, needs_data, standard
from city_files import carried, drafts, outcomes, refusals, rows_told, written
from test_cap_samples import OUTCOMES

from adapters.cap import read_cap
from adapters.cities import dialect, read_city
from adapters.dialect import Dialect
from adapters.drafts import Reason, Rejection
from hub.errors import Code, Problem

ROOT = Path(__file__).parents[2]
MESSAGES = ROOT / "../shared/data/hotline/messages-with-replies.xlsx"
needs_messages = pytest.mark.skipif(not MESSAGES.is_file(), reason="../shared/data/hotline is not there")

HOTLINE = '''"""Messages to the mayor's mailbox: no levels, no states, no classes; each was answered."""

from adapters.dialect import Column, Dialect, Recipients, Table
from adapters.formats import Sheets
from adapters.values import Date, DateTime

MESSAGES = Table(
    kind="mediation_case",
    number="留言编号",
    recipients=Recipients(cities=("610800", "150600")),
    constants={
        "dispute_type": "other", "source": "hotline", "level": "county", "division": "150203", "state": "closed",
        "lead": "市民热线办公室",
    },
    columns=(
        Column("留言编号", "case_number"), Column("留言用户", "private/parties[role=applicant]/name"),
        Column("留言主题", "private/title"), Column("留言详情", "private/summary"),
        Column("留言时间", "accepted_at", DateTime("%Y/%m/%d %H:%M:%S")),
        Column("答复时间", "follow_ups[1]/on", Date("%Y/%m/%d", drop_time=True)),
        Column("答复意见", "private/minutes"),
    ),
)

DIALECT = Dialect("150200", "包头市", "mailbox", (MESSAGES,), forms=(Sheets(),))
'''


def officers_file(folder: Path, *, old: str = "", new: str = "") -> Dialect:
    """The city file for the hotline's workbook, read as one that stands elsewhere is."""
    assert old in HOTLINE
    path = folder / "baotou_150200.py"
    path.write_text(HOTLINE.replace(old, new), encoding="utf-8")
    return read_city(path)


def rows_of_the_sheet() -> list[tuple[Any, ...]]:
    (sheet,) = openpyxl.load_workbook(MESSAGES).worksheets
    return [row for row in sheet.iter_rows(min_row=2, values_only=True) if any(row)]


@needs_messages
def test_every_message_of_the_hotline_becomes_a_record_under_its_own_number(tmp_path: Path) -> None:
    found = outcomes(officers_file(tmp_path), MESSAGES.read_bytes())
    assert [each.line() for each in found if isinstance(each, Rejection)] == []
    assert [draft.local_number for draft in drafts(found)] == [str(row[0]) for row in rows_of_the_sheet()]
    assert rows_told(found) == len(rows_of_the_sheet()) == 120


@needs_messages
def test_what_a_citizen_wrote_is_sealed_as_it_stands_but_for_the_space_around_it(tmp_path: Path) -> None:
    found = drafts(outcomes(officers_file(tmp_path), MESSAGES.read_bytes()))
    changed, shown = [], []
    for draft, row in zip(found, rows_of_the_sheet(), strict=True):
        assert draft.private is not None
        said = [draft.private[member] for member in ("title", "summary", "minutes")]
        if said != [_plain(str(row[column])) for column in (2, 4, 5)]:
            changed.append(draft.local_number)
        if any(text in json.dumps(draft.body, ensure_ascii=False) for text in said):
            shown.append(draft.local_number)
    assert (changed, shown) == ([], [])


def _plain(text: str) -> str:
    """A cell without white space around it; line ends as one character, the workbook's own escape for one too."""
    return text.replace("_x000D_", "\r").strip().replace("\r\n", "\n")


@needs_messages
def test_a_reply_in_a_public_field_is_refused_where_it_is_too_long_or_names_a_phone(tmp_path: Path) -> None:
    spoken = officers_file(tmp_path, old='"private/minutes"', new='"sessions[1]/outcome"')
    found = outcomes(spoken, MESSAGES.read_bytes())
    assert 0 < len(drafts(found)) < 120
    assert rows_told(found) == 120
    assert set(refusals(found)) == {("答复意见", Reason.INVALID)}
    assert all(each.row["留言编号"] == each.local_number for each in found if isinstance(each, Rejection))


@needs_messages
def test_a_column_read_as_a_day_where_it_has_a_time_is_told_row_by_row_until_the_file_says_so(
    tmp_path: Path,
) -> None:
    spoken = officers_file(tmp_path, old=', Date("%Y/%m/%d", drop_time=True)')
    found = outcomes(spoken, MESSAGES.read_bytes())
    assert refusals(found) == [("答复时间", Reason.BAD_TIME)] * 120


@needs_messages
def test_reading_the_messages_twice_gives_the_same_numbers_and_contents(tmp_path: Path) -> None:
    content = MESSAGES.read_bytes()
    one, other = (drafts(outcomes(officers_file(tmp_path), content)) for _ in range(2))
    assert [(each.local_number, each.body, each.private) for each in one] == [
        (each.local_number, each.body, each.private) for each in other
    ]
    assert len({each.local_number for each in one}) == 120


@needs_messages
def test_the_messages_are_written_and_read_again_without_loss(tmp_path: Path) -> None:
    spoken = officers_file(tmp_path)
    before = drafts(outcomes(spoken, MESSAGES.read_bytes()))
    made, losses = written(spoken, [carried(draft) for draft in before])
    assert losses == []
    after = drafts(outcomes(spoken, made["150200.xlsx"]))
    assert [(each.local_number, each.body, each.private) for each in after] == [
        (each.local_number, each.body, each.private) for each in before
    ]


def test_a_mistake_in_the_officers_file_is_told_as_what_it_is(tmp_path: Path) -> None:
    with pytest.raises(Problem, match="mediation_case has no private/titel") as told:
        officers_file(tmp_path, old="private/title", new="private/titel")
    assert told.value.code is Code.INVALID


@needs_data
@pytest.mark.parametrize("name", OUTCOMES)
def test_an_alert_of_others_goes_through_the_city_as_it_goes_through_cap_alone(name: str) -> None:
    data = (DATA / name).read_bytes()
    found = outcomes("640100", data, name)
    alone = read_cap(data, default_geocodes=("640104",))
    assert refusals(found) == OUTCOMES[name]
    assert [(each.body, each.supplied, each.not_carried) for each in drafts(found)] == [
        (each.body, each.supplied, each.not_carried) for each in alone.drafts
    ]
    assert bool(drafts(found)) != bool(OUTCOMES[name])


@needs_data
@pytest.mark.parametrize("name", [name for name, flaws in OUTCOMES.items() if not flaws])
def test_an_alert_of_others_leaves_the_city_as_valid_cap_and_comes_in_again_the_same(name: str) -> None:
    (draft,) = drafts(outcomes("640100", (DATA / name).read_bytes(), name))
    made, losses = written("640100", [carried(draft)])
    assert losses == []
    (content,) = made.values()
    standard()(content)
    (again,) = drafts(outcomes("640100", content))
    assert (again.body, again.recipients, again.supplied) == (draft.body, draft.recipients, ())
    assert again.local_number == draft.local_number


NEW_CITY = '''"""Zhongwei: a list of disputes, tab-separated. Its own divisions are in no table yet."""

from adapters.dialect import Column, Dialect, Recipients, Table
from adapters.formats import Csv
from adapters.values import City, Codes, DateTime, Each, Labels

CASES = Table(
    kind="mediation_case",
    number="序号",
    recipients=Recipients("报送", converter=Each(City())),
    constants={"source": "on_own_initiative", "level": "county"},
    columns=(
        Column("序号", "case_number"), Column("类别", "dispute_type", Labels({"水事": "water"})),
        Column("县区", "division", Codes({"沙坡头区": "640502", "中宁县": "640521"})),
        Column("受理", "accepted_at", DateTime("%Y-%m-%d %H:%M:%S", at="09:00")), Column("状态", "state"),
        Column("单位", "lead"), Column("事由", "private/title"),
    ),
)

DIALECT = Dialect("640500", "中卫市", "disputes", (CASES,), forms=(Csv(delimiter="\\t"),))
'''
NEW_SAMPLE = (
    "中卫市纠纷清单\n序号\t类别\t县区\t受理\t状态\t单位\t事由\t报送\n"
    "中-1\t水事\t中宁县\t2026年11月2日\t调解中\t中宁县司法局\t分水口争议\t吴忠市、榆林\n"
    "中-2\t草场纠纷\t沙坡头区\t2026.11.3\t已登记\t沙坡头区司法局\t围栏争议\t白银市\n"
)
ASKED = """
import io, json
import adapters.cities as cities
from adapters.translation import read
from adapters.writing import Carried, files, write

spoken = cities.dialect("640500")
sample = cities.sample("640500", "mediation_case.csv")
found = list(read(spoken, io.BytesIO(sample)))
drafts = [each for each in found if hasattr(each, "body")]
records = [Carried(d.kind, d.body, d.private, 1, d.local_number, recipients=d.recipients) for d in drafts]
((name, together),) = files(spoken, records)
stream = io.BytesIO()
losses = write(spoken, together, stream)
again = [each for each in read(spoken, io.BytesIO(stream.getvalue())) if hasattr(each, "body")]
print(json.dumps({
    "package": cities.__file__, "cities": sorted(cities.DIALECTS), "name": spoken.name, "file": name,
    "encoded": "中卫市".encode("gb18030") in sample, "losses": len(losses),
    "numbers": [d.local_number for d in drafts], "to": [d.recipients for d in drafts],
    "same": [(d.body, d.private) for d in again] == [(d.body, d.private) for d in drafts],
}))
"""


def test_a_city_that_is_no_partner_yet_is_read_from_its_file_alone(tmp_path: Path) -> None:
    path = tmp_path / "zhongwei_640500.py"
    path.write_text(NEW_CITY, encoding="utf-8")
    spoken = read_city(path)
    found = drafts(outcomes(spoken, NEW_SAMPLE))
    assert [(each.local_number, each.body["division"], each.recipients) for each in found] == [
        ("中-1", "640521", ("640300", "610800")),
        ("中-2", "640502", ("620400",)),
    ]
    made, losses = written(spoken, [carried(draft) for draft in found])
    assert losses == []
    again = drafts(outcomes(spoken, made["mediation_case.csv"]))
    assert [(each.body, each.private) for each in again] == [(each.body, each.private) for each in found]
    with pytest.raises(Problem, match="no adapter for 640500"):
        dialect("640500")


def test_a_city_file_that_is_laid_into_the_folder_is_found_with_no_other_file_touched(tmp_path: Path) -> None:
    """In a copy of the package and a process of its own, which finds the copy before the original."""
    package = tmp_path / "adapters"
    shutil.copytree(ROOT / "adapters", package, ignore=shutil.ignore_patterns("__pycache__"))
    (package / "cities" / "zhongwei_640500.py").write_text(NEW_CITY, encoding="utf-8")
    samples = package / "cities" / "samples" / "640500"
    samples.mkdir()
    (samples / "mediation_case.csv").write_text(NEW_SAMPLE, encoding="utf-8")
    ran = subprocess.run(
        [sys.executable, "-c", ASKED],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": os.pathsep.join([str(tmp_path), str(ROOT)])},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (ran.returncode, ran.stderr) == (0, "")
    answer = json.loads(ran.stdout)
    assert Path(answer["package"]).is_relative_to(tmp_path)
    assert set(answer["cities"]) >= {"640500", "640100", "150200", "620400"}
    assert (answer["name"], answer["file"], answer["encoded"]) == ("中卫市", "mediation_case.csv", True)
    assert (answer["numbers"], answer["to"]) == (["中-1", "中-2"], [["640300", "610800"], ["620400"]])
    assert (answer["losses"], answer["same"]) == (0, True)
