"""Why a row is in quarantine, as it is kept and shown: never a value of the row, only its shape."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass

import orjson

from adapters.drafts import MEANINGS, Rejection
from hub.errors import Problem


@dataclass(frozen=True, slots=True)
class Why:
    """One thing that is wrong: with which column, what, and what to do. `refused` where the node said so."""

    field: str
    reason: str
    shape: str
    zh: str
    en: str
    next_zh: str
    next_en: str
    refused: bool = False

    def line(self, language: str) -> str:
        """It on one line."""
        chinese = language == "zh"
        what, advice = (self.zh, self.next_zh) if chinese else (self.en, self.next_en)
        shown = (f"〔{self.shape}〕" if chinese else f" [{self.shape}]") if self.shape else ""
        said = f"{what}{shown}；{advice}" if chinese else f"{what}{shown}; {advice}"
        if not self.field:
            return said
        return f"{self.field}：{said}" if chinese else f"{self.field}: {said}"


def why_rejected(rejection: Rejection) -> Why:
    """What an adapter found."""
    meaning = MEANINGS[rejection.reason]
    return Why(
        rejection.field,
        str(rejection.reason),
        rejection.shape,
        meaning.zh,
        meaning.en,
        rejection.zh,
        rejection.en,
    )


def why_refused(problem: Problem) -> Why:
    """What the node, or the making of the record, found."""
    return Why(
        problem.where or "",
        str(problem.code),
        "",
        problem.title("zh"),
        f"{problem.title('en')}: {problem.detail}",
        problem.next_step("zh"),
        problem.next_step("en"),
        refused=True,
    )


def written(reasons: Sequence[Why]) -> str:
    """Reasons as they are kept: JSON."""
    return orjson.dumps([asdict(each) for each in reasons]).decode()


def read(text: str) -> list[Why]:
    """Reasons that were kept."""
    return [Why(**each) for each in orjson.loads(text)]
