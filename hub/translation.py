"""The language of what a person reads in a terminal: Chinese or English (GNU gettext, domain `hub`).

1. Messages are written in English and looked up in `hub/locale/zh_CN/LC_MESSAGES/hub.mo`.
2. The language is the one asked for, else `HUB_LANG`, else that of `LC_ALL`, `LC_MESSAGES` or `LANG`, the first
   that is set: Chinese where it begins with `zh`, English for everything else.
3. Words that are written where no language is known yet (a module's constants) are marked with `mark`, and
   looked up with `_` when they are shown.
"""

from __future__ import annotations

import gettext
import os
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Final

from schemas.labels import Language

DOMAIN: Final = "hub"
LOCALE: Final = Path(__file__).parent / "locale"
LANGUAGE_VARIABLE: Final = "HUB_LANG"
_CATALOGUES: Final[Mapping[Language, str]] = {"zh": "zh_CN", "en": "en"}

_spoken: Language = "en"


def language() -> Language:
    """The language in use."""
    return _spoken


def choose(asked: str | None, environment: Mapping[str, str]) -> Language:
    """The language for what was asked for (`zh`, `en`, None) and an environment."""
    names = (asked, *(environment.get(name) for name in (LANGUAGE_VARIABLE, "LC_ALL", "LC_MESSAGES", "LANG")))
    wanted = next((name for name in names if name), "")
    return "zh" if wanted.lower().startswith("zh") else "en"


def use(spoken: Language) -> None:
    """Speak this language from now on, in this process and those that it starts.

    Click asks the process's own gettext for its words, so that is told, too.
    """
    global _spoken  # noqa: PLW0603 (a process speaks one language, as it has one locale)
    _spoken = spoken
    gettext.bindtextdomain(DOMAIN, str(LOCALE))
    gettext.textdomain(DOMAIN)
    os.environ["LANGUAGE"] = _CATALOGUES[spoken]


def _(message: str) -> str:
    """`message` in the language in use."""
    return _catalogue(_spoken).gettext(message) if message else ""


def mark(message: str) -> str:
    """`message` as it is: marked for translation, and translated when it is shown."""
    return message


@cache
def _catalogue(spoken: Language) -> gettext.NullTranslations:
    return gettext.translation(DOMAIN, LOCALE, [_CATALOGUES[spoken]], fallback=True)
