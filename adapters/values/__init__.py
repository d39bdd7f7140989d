"""How a cell is read into a value of a record, and a value written into a cell.

Reading takes what is sloppy and unambiguous (full-width digits, 2026年11月2日, 1,200.5元); writing gives one
form. What is there and cannot be read is a `Flaw`, never a guess. A column without a converter gets the one
that fits its field (`converter_for`).
"""

from adapters.values.choice import Codes, Flag, Labels
from adapters.values.convert import BLANK, Converter, Flaw, as_text, plain
from adapters.values.fitting import converter_for
from adapters.values.month import OfMonth
from adapters.values.number import Count, Degrees, LngLat, Money
from adapters.values.region import City, Division
from adapters.values.time import Date, DateTime, Epoch
from adapters.values.wording import Each, Extract, Phone, Text

__all__ = [
    "BLANK",
    "City",
    "Codes",
    "Converter",
    "Count",
    "Date",
    "DateTime",
    "Degrees",
    "Division",
    "Each",
    "Epoch",
    "Extract",
    "Flag",
    "Flaw",
    "Labels",
    "LngLat",
    "Money",
    "OfMonth",
    "Phone",
    "Text",
    "as_text",
    "converter_for",
    "plain",
]
