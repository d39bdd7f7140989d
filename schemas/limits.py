"""Every limit of the wire contract (section 8), in one place; `/openapi.json` publishes them from here."""

from typing import Final

RECORD_BYTES: Final = 256 * 1024
"""A record's JWS, in bytes."""
PUSH_RECORDS: Final = 1_000
PUSH_BYTES: Final = 16 * 1024 * 1024
"""A request's body after decompression."""
PAGE_RECORDS: Final = 1_000
PAGE_BYTES: Final = 16 * 1024 * 1024
"""A page ends early, with `more`, rather than grow past this; one record always fits."""
ENTRY_BYTES: Final = 65_535
JSON_DEPTH: Final = 16
RECIPIENTS: Final = 32
WAIT_SECONDS: Final = 30
CLOCK_SKEW_SECONDS: Final = 300
NOTE_BYTES: Final = 64 * 1024
"""A signed note; with `NOTE_SIGNATURES` it bounds what a checkpoint may cost to read."""
NOTE_SIGNATURES: Final = 64
PROOF_HASHES: Final = 63
TILE_HEIGHT: Final = 8
TILE_WIDTH: Final = 256
