"""The exchange log (PROTOCOL section 5): tree, tiles, notes, entries, receipts, and the auditor's verifier.

Pure functions over bytes and over a reader of three methods. Nothing here reads a clock, a network or a
database, so an auditor who distrusts the rest of the house can run, and read, this room alone.
"""
