"""What a node says over HTTP: the wire contract, section 4.

`application.py` puts it together, `arriving.py` reads requests, `answering.py` writes and signs answers, and the
endpoints stand in `records.py` (signed), `public.py` (the log, trust, schemas) and `operations.py` (health).
"""
