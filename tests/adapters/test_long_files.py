"""Files far longer than what is read of them at once: every row comes, once and in its place."""

from __future__ import annotations

import io

import pytest

from adapters.drafts import Note, Rejection
from adapters.formats import Archive, Calendar, Csv, Form, JsonList, Sheets, XmlRows
from adapters.formats.form import Entry, Line, Outgoing

ROWS = 4_000
FORMS: dict[str, Form] = {
    "csv": Csv(),
    "xlsx": Sheets(),
    "json": JsonList("data.list"),
    "json in gbk": JsonList(encoding="gb18030"),
    "xml": XmlRows("AJ"),
    "calendar": Calendar(),
    "zip of csv": Archive(Csv()),
    "zip of xml": Archive(XmlRows("AJ")),
}
REMARK = "草场界线" * 15


def long_file(form: Form) -> bytes:
    stream = io.BytesIO()
    rows = ({"UID": f"甲-{number}", "SUMMARY": REMARK} for number in range(ROWS))
    form.write(stream, [Outgoing("rows", "", ("UID", "SUMMARY"), rows)])
    return stream.getvalue()


@pytest.mark.parametrize("form", FORMS.values(), ids=FORMS)
def test_every_row_of_a_long_file_comes_in_its_place(form: Form) -> None:
    came = []
    for item in form.read(io.BytesIO(long_file(form))):
        assert not isinstance(item, Rejection | Note)
        if isinstance(item, Entry):
            came.append((item.cells["UID"], item.cells["SUMMARY"]))
        elif isinstance(item, Line) and item.cells[0] != "UID":
            came.append((item.cells[0], item.cells[1]))
    assert came == [(f"甲-{number}", REMARK) for number in range(ROWS)]
