"""CSV files that were not written to their end: what was cut is never a row, and what is only short still is one."""

from __future__ import annotations

import csv
import io
import zipfile
from dataclasses import replace

import pytest
from city_files import drafts, outcomes, refusals

from adapters.cities import dialect, sample
from adapters.drafts import Note, Reason, Rejection
from adapters.formats import Archive, Csv

SAMPLE = sample("150600", "mediation_case.csv").decode("gb18030")
TITLES, WHO, HEAD, *REST = SAMPLE.splitlines(keepends=True)
WHOLE, LAST = REST[2], REST[5]
"""Two rows; the last cells of both are empty."""
WIDTH = HEAD.count(",") + 1
CUT = (Reason.UNFINISHED, Reason.BROKEN_ROW)


def numbers(content: str | bytes, **more: str) -> list[str]:
    return [each.local_number for each in drafts(outcomes("150600", content, **more))]


WHOLE_NUMBER, LAST_NUMBER = numbers(HEAD + WHOLE + LAST)


def test_a_file_that_was_cut_anywhere_sends_nothing_that_it_does_not_say() -> None:
    content = SAMPLE.encode("gb18030")
    told = {each.local_number: (each.body, each.private) for each in drafts(outcomes("150600", content))}
    assert len(told) == 4
    for end in range(content.index(REST[0].encode("gb18030")[:12]), len(content)):
        found = outcomes("150600", content[:end])
        kept = {each.local_number: (each.body, each.private) for each in drafts(found)}
        assert kept.items() <= told.items(), end
        *_, last = csv.reader(io.StringIO(content[:end].decode("gb18030", "replace"), newline=""))
        if any(last) and len(last) < WIDTH and not last[0].startswith(("合计", "填表人")):
            assert any(reason in CUT for _, reason in refusals(found)), end


@pytest.mark.parametrize("cells", range(1, WIDTH))
def test_a_last_row_that_was_cut_is_not_finished_however_many_cells_it_has(cells: int) -> None:
    cut = ",".join(LAST.strip().split(",")[:cells])
    found = outcomes("150600", HEAD + WHOLE + cut)
    assert refusals(found) == [("", Reason.UNFINISHED)]
    assert [each.local_number for each in drafts(found)] == [WHOLE_NUMBER]
    (refused,) = [each for each in found if isinstance(each, Rejection)]
    assert refused.place.row == 3
    assert dict(refused.row) == {}


@pytest.mark.parametrize("encoding", ["gb18030", "utf-8", "utf-8-sig", "utf-16"])
@pytest.mark.parametrize("cut", ["2,草牧场纠纷", '2,"草牧场', '2,"草牧场\n纠', '"2","草牧场纠纷"', "2"])
def test_a_cut_is_seen_in_every_encoding(encoding: str, cut: str) -> None:
    found = outcomes("150600", (HEAD + WHOLE + cut).encode(encoding))
    assert refusals(found)[-1][1] is Reason.UNFINISHED
    assert [each.local_number for each in drafts(found)] == [WHOLE_NUMBER]


def test_a_cut_within_a_character_is_told_as_a_cut() -> None:
    found = outcomes("150600", (HEAD + WHOLE + "2,草牧场").encode()[:-1])
    assert refusals(found) == [("", Reason.UNFINISHED)]


@pytest.mark.parametrize("last", [LAST.strip(), LAST.strip() + '"已送\n达"'])
def test_a_last_row_without_a_line_end_is_whole_if_all_its_cells_are_there(last: str) -> None:
    found = outcomes("150600", HEAD + WHOLE + last)
    assert refusals(found) == []
    assert [each.local_number for each in drafts(found)] == [WHOLE_NUMBER, LAST_NUMBER]


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_a_short_row_with_a_line_end_is_a_short_row(end: str) -> None:
    found = outcomes("150600", HEAD + WHOLE + LAST.rstrip(",\r\n") + end)
    assert refusals(found) == []
    assert [each.local_number for each in drafts(found)] == [WHOLE_NUMBER, LAST_NUMBER]


@pytest.mark.parametrize(
    "foot", ["合计,2", "合计", '合计,"2"', "填表人：某某", "备注,以上均已核对", ",", " "]
)
def test_a_foot_without_a_line_end_is_a_foot(foot: str) -> None:
    found = outcomes("150600", HEAD + WHOLE + LAST + foot)
    assert [each.local_number for each in drafts(found)] == [WHOLE_NUMBER, LAST_NUMBER]
    if foot.strip():
        assert refusals(found) == []
        assert sum(each.rows for each in found if isinstance(each, Note)) == 1


@pytest.mark.parametrize("last", ["2,草牧场纠纷", '2,"草牧场'])
def test_a_member_of_a_zip_is_whole_however_it_ends(last: str) -> None:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as made:
        made.writestr("a.csv", HEAD + WHOLE + last)
    found = outcomes(replace(dialect("150600"), forms=(Archive(Csv()),)), stream.getvalue())
    assert [each.local_number for each in drafts(found)] == [WHOLE_NUMBER]
    assert refusals(found)
    assert Reason.UNFINISHED not in [reason for _, reason in refusals(found)]
