"""Where a city's exports lie and its arrivals go: a folder, an SFTP server, a web interface, a database.

1. Settings name files with secrets; no secret is in an address, and none is in a `Problem` or the program's log.
2. Whom we speak to is proven before anything is sent: a known host key, a verified certificate.
3. Every wait has an end, and every answer a largest size.
4. What a place does wrong ends in a `Problem` that names the source or sink and says what to do: `busy` (come
   again), `not-found`, `not-allowed`, `too-large` or `invalid` (mend the settings or the place).
5. Names of a city's files are not in it: they may be names of people.
"""

from hub.offices.places.entry import Entry
from hub.offices.places.place import Files, Place, open_place

__all__ = ["Entry", "Files", "Place", "open_place"]
