"""All SQL: SQLAlchemy Core over SQLite or PostgreSQL, one contract for both.

`tables.py` says what is kept, `migrations/` how it came to be so, `engine.py` how each database is opened,
`transaction.py` what a write may do, `appender.py` how writes share a commit, `reading.py` what can be asked.
"""

from hub.store.appender import Appender, Committed, Job
from hub.store.reading import Delivery, Item, Page, Revision, Selection
from hub.store.store import Store
from hub.store.transaction import Claim, Held, Transaction

__all__ = [
    "Appender",
    "Claim",
    "Committed",
    "Delivery",
    "Held",
    "Item",
    "Job",
    "Page",
    "Revision",
    "Selection",
    "Store",
    "Transaction",
]
