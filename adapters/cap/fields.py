"""Reading single fields of a CAP element: a value of the profile comes back, or a rejection is noted.

Every reader returns None (or an empty list) for what is flawed, so that one pass finds all flaws of a file.
An element with nothing but white space is read as absent (feeds in the wild write `<note/>` for no note),
except as text of an alert that was written from the profile, where it is that very text.
"""

from __future__ import annotations

from collections.abc import Mapping

from adapters.cap.elements import Node, is_token
from adapters.cap.vocabulary import profile_time, time_of, words_of
from adapters.drafts import Reason, Rejection, reject


class Fields:
    """The flaws met so far, and the readers that add to them.

    `verbatim` says that texts of white space are texts.
    """

    def __init__(self) -> None:
        self.rejections: list[Rejection] = []
        self.verbatim = False

    def refuse(
        self, node: Node, reason: Reason, value: str | None = None, *, zh: str = "", en: str = ""
    ) -> None:
        """Note a flaw of what stands at `node`."""
        self.rejections.append(reject(node.place, node.path, reason, value, zh=zh, en=en))

    def missing(self, parent: Node, name: str, *, zh: str = "", en: str = "") -> None:
        """Note that a child is not there, or is there and empty."""
        empty = parent.children.get(name)
        place, path = (empty[0].place, empty[0].path) if empty else (parent.place, parent.child_path(name))
        self.rejections.append(reject(place, path, Reason.MISSING, zh=zh, en=en))

    def code(self, parent: Node, name: str, table: Mapping[str, str]) -> str | None:
        """The code for the word in a required child."""
        if parent.first(name) is None:
            words = ", ".join(words_of(table))
            self.missing(parent, name, zh=f"请填写：{words}", en=f"fill in one of {words}")
        return next(iter(self.codes(parent, name, table)), None)

    def codes(self, parent: Node, name: str, table: Mapping[str, str]) -> list[str]:
        """The codes for the words in all children of that name, each once."""
        found = []
        for node in parent.all(name):
            text = node.text.strip()
            if text in table:
                found.append(table[text])
            else:
                words = ", ".join(words_of(table))
                zh, en = f"请改为：{words}", f"use one of {words}"
                self.refuse(node, Reason.UNKNOWN_CODE, text, zh=zh, en=en)
        return list(dict.fromkeys(found))

    def token(self, parent: Node, name: str) -> str | None:
        """A required identifier or sender: no white space, commas, < or & (CAP 1.2 §3.2.1)."""
        node = parent.first(name)
        if node is None:
            self.missing(parent, name)
            return None
        text = node.text.strip()
        if not is_token(text):
            zh, en = "不得含空格、逗号、< 或 &", "no spaces, commas, < or & are allowed"
            self.refuse(node, Reason.BAD_TEXT, text, zh=zh, en=en)
            return None
        return text

    def time(self, parent: Node, name: str) -> str | None:
        """A time in the profile's spelling."""
        node = parent.first(name)
        if node is None:
            return None
        text = node.text.strip()
        if time_of(text) is None:
            self.refuse(node, Reason.BAD_TIME, text)
            return None
        return profile_time(text)

    def text(self, parent: Node, name: str, *, required: bool = False) -> str | None:
        """A text exactly as it stands, white space around it included."""
        nodes = parent.children.get(name, ()) if self.verbatim else parent.all(name)
        if not nodes and required:
            self.missing(parent, name)
        return nodes[0].text if nodes else None
