"""Reading .xls (Excel 97, BIFF) through xlrd, which holds the file as a whole: at most `OLD_WORKBOOK_BYTES`.

xlrd is written for files that Excel wrote. For others it raises almost anything, so that anything it raises
means "damaged" here.
"""

from __future__ import annotations

import io
from collections.abc import Iterator
from datetime import datetime
from typing import Any, BinaryIO, Final

import xlrd

from adapters.drafts import Note, Place, Reason, reject
from adapters.formats.form import Item, Line, shown_name
from adapters.limits import COLUMNS, OLD_WORKBOOK_BYTES

OLE_MAGIC: Final = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"


def read_old_workbook(stream: BinaryIO, *, backwards: bool = False) -> Iterator[Item]:
    """The rows of all its visible sheets, in their order or `backwards` from the last."""
    content = stream.read(OLD_WORKBOOK_BYTES + 1)
    if len(content) > OLD_WORKBOOK_BYTES:
        yield reject(Place(), "xls", Reason.TOO_LARGE, zh="请另存为 .xlsx", en="save it as .xlsx")
        return
    try:
        book = xlrd.open_workbook(file_contents=content, logfile=io.StringIO(), on_demand=True)
        sheets = [book.sheet_by_index(number) for number in range(book.nsheets)]
    except Exception:
        zh, en = (
            "请用 Excel 打开后另存为 .xlsx；设了密码的请先去掉密码",
            "open it in Excel and save it as .xlsx",
        )
        yield reject(Place(), "xls", Reason.WRONG_FORMAT, zh=zh, en=en)
        return
    if book.datemode != 0:
        zh, en = "请在 Excel 选项中取消“使用 1904 日期系统”后另存", "switch off the 1904 date system"
        yield reject(Place(), "xls", Reason.WRONG_FORMAT, zh=zh, en=en)
        return
    for sheet in reversed(sheets) if backwards else sheets:
        name = shown_name(sheet.name)
        if sheet.visibility:
            yield Note(Place(sheet=name), "隐藏的工作表，已跳过", "a hidden sheet was left out")
            continue
        for number in range(sheet.nrows):
            try:
                cells = [_value(cell) for cell in sheet.row(number)[:COLUMNS]]
            except Exception:
                yield reject(Place(number + 1, name), "", Reason.BROKEN_ROW)
                continue
            if any(cell is not None for cell in cells):
                yield Line(Place(number + 1, name), cells)


def _value(cell: Any) -> Any:
    match cell.ctype:
        case xlrd.XL_CELL_TEXT:
            return cell.value or None
        case xlrd.XL_CELL_NUMBER:
            return cell.value
        case xlrd.XL_CELL_DATE:
            return _moment(cell.value)
        case xlrd.XL_CELL_BOOLEAN:
            return bool(cell.value)
        case xlrd.XL_CELL_ERROR:
            return str(xlrd.error_text_from_code.get(cell.value, "#?"))
    return None


def _moment(number: float) -> Any:
    try:
        moment: datetime = xlrd.xldate_as_datetime(number, 0)
    except (xlrd.XLDateError, ValueError, OverflowError):
        return number
    return moment.date() if number == int(number) else moment
