"""Bundles: what a round would fetch, or a city that moves, in files that a person carries where no network reaches.

`manifest.py` says what a volume holds and whose word that is, `volume.py` reads one, `spool.py` writes them;
`outgoing.py` fills them for a node, `carried.py` stands in for the peer that they came from, and `incoming.py` takes
them in.
"""
