"""What is remembered of cities' office systems, in the same database as the spine and apart from it."""

from hub.store.offices.memory import OfficeMemory
from hub.store.offices.quarantine import Entry, NewEntry
from hub.store.offices.rows import Key, Planned, Reading, RowSeen, Settled, UnitSeen
from hub.store.offices.sinks import SinkState

__all__ = [
    "Entry",
    "Key",
    "NewEntry",
    "OfficeMemory",
    "Planned",
    "Reading",
    "RowSeen",
    "Settled",
    "SinkState",
    "UnitSeen",
]
