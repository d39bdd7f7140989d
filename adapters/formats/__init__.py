"""One file a format: rows out of a stream of bytes, bounded and streaming, and rows back into one.

| form | file |
|---|---|
| `Csv` | comma- or tab-separated text, GB18030 or UTF-8 or both in one file |
| `Sheets` | .xlsx workbooks with titles and merged headings; .xls is read, too |
| `JsonList` | a list of objects somewhere in a JSON document |
| `XmlRows` | elements of an XML document, GBK and its kin included |
| `Archive` | a zip of any of these |
| `SqlRows` | rows of a database view |
| `Calendar` | events of an iCalendar file |
| `CapAlert` | an alert of CAP 1.2 |
"""

from adapters.formats.alerts import CapAlert
from adapters.formats.archive import Archive
from adapters.formats.calendar import Calendar
from adapters.formats.csv_rows import Csv
from adapters.formats.form import Entry, Form, Item, Line, Outgoing
from adapters.formats.json_list import JsonList
from adapters.formats.sheets import Sheets
from adapters.formats.sql_rows import SqlRows
from adapters.formats.xml_rows import XmlRows

__all__ = [
    "Archive",
    "Calendar",
    "CapAlert",
    "Csv",
    "Entry",
    "Form",
    "Item",
    "JsonList",
    "Line",
    "Outgoing",
    "Sheets",
    "SqlRows",
    "XmlRows",
]
