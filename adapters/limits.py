"""Every limit on what an adapter reads, in one place. What is larger is refused by name and says to split it."""

from typing import Final

CHUNK_BYTES: Final = 64 * 1024
ROWS: Final = 500_000
"""Rows of one file: the local numbers seen are kept, so that a second row with one of them is found."""
ROW_CHARACTERS: Final = 512 * 1024
"""A row's text; a record has at most 256 KiB."""
COLUMNS: Final = 1_024
LINES_IN_A_ROW: Final = 200
"""How many lines of a CSV file one row may run over before its quotation mark counts as never closed."""
TITLE_ROWS: Final = 20
"""Rows that may stand above the heading."""
JSON_DEPTH: Final = 16
XML_DEPTH: Final = 16
PROLOG_BYTES: Final = 64 * 1024
"""What may stand before the first element of an XML file, or the first item of a list in JSON."""

ARCHIVE_MEMBERS: Final = 1_000
UNPACKED_BYTES: Final = 2 * 1024**3
"""All members of an archive, or parts of a workbook, together."""
RATIO: Final = 200
"""Unpacked to packed, above which a member larger than `RATIO_FROM_BYTES` is a bomb."""
RATIO_FROM_BYTES: Final = 10 * 1024**2
SHARED_TEXT_BYTES: Final = 64 * 1024**2
"""The table of shared texts of a workbook, which must be held while its sheets are read."""
PART_BYTES: Final = 16 * 1024**2
"""Any other part of a workbook that is held as a whole (styles, list of sheets)."""
OLD_WORKBOOK_BYTES: Final = 64 * 1024**2
"""An .xls file, which is held as a whole."""

EARLIEST_YEAR: Final = 1949
LATEST_YEAR: Final = 2099
"""Years outside are taken for slips of the pen (0202, 2206), never mended."""
NAME_CHARACTERS: Final = 60
"""What is shown of a column's, sheet's or member's name."""
