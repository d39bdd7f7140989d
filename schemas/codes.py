"""Code lists: what a member may say, each list with a name under which `labels.toml` has its words."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class CodeList:
    """A named, ordered list of codes.

    An `open` list names the codes that have labels, and lets others of the same form through: RECORDS.md
    gives an example of such a member, but no list.
    """

    name: str
    codes: tuple[str, ...]
    open: bool = False


COLOUR = CodeList("colour", ("red", "orange", "yellow", "blue"))
"""The four-colour practice, most urgent first."""

FORM = CodeList("form", ("on_site", "video"))
"""How a session is held."""
