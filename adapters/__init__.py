"""What turns a city's exports into drafts of records, and back.

Rules of this room:
1. An adapter translates and does nothing else. It holds no key, opens no connection, reads no clock and no
   file: bytes come in, a `Report` goes out. Whoever calls it signs, sends and stores.
2. Nothing is lost in silence. What the record's kind cannot carry is named in `Draft.not_carried`; what the
   source lacks and the conversion adds is named in `Draft.supplied`, with the value and the reason.
3. Nothing is guessed. A value that is there and wrong is a `Rejection`: place, element or column, the
   value's shape, what to do, in Chinese and English. The value itself is never repeated.
4. The same source gives the same `local_number`, hence the same record id: importing twice makes no second
   record.

Imports go down only: `schemas` and `hub.errors`.
"""
