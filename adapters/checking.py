"""A body and a private part against their schemas, and what is wrong in them by column.

The compiled check says yes to the good case; whatever it does not accept goes to marshmallow, which alone
decides and explains, as everywhere in this project.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cache
from typing import Any

from marshmallow import ValidationError

from adapters.column_plan import ColumnPlan, Layout
from adapters.drafts import Reason
from adapters.paths import BODY, PRIVATE
from schemas.compiled import CompiledSchema
from schemas.faults import Fault, faults
from schemas.kinds import Kind
from schemas.labels import member_label
from schemas.shape import Shape

_REQUIRED = frozenset({"Is required.", "Must not be null."})


@cache
def _compiled(shape: type[Shape]) -> CompiledSchema:
    return CompiledSchema(shape)


@cache
def _schema(shape: type[Shape]) -> Shape:
    """Made once: marshmallow copies every field of a schema when it makes one."""
    return shape()


def is_right(kind: Kind, body: Mapping[str, Any], private: Mapping[str, Any]) -> bool:
    """Whether both parts fit the kind's schemas."""
    return _fits(kind.body, body) and (
        not private or (kind.private is not None and _fits(kind.private, private))
    )


def _fits(shape: type[Shape], part: Mapping[str, Any]) -> bool:
    return _compiled(shape).accepted(part) is not None or not _faults(shape, part)


def _faults(shape: type[Shape], part: Mapping[str, Any]) -> list[Fault]:
    try:
        _schema(shape).load(part)
    except ValidationError as error:
        return faults(error)
    return []


def explained(kind: Kind, plan: ColumnPlan, layout: Layout) -> Iterator[tuple[str, Reason, str, str]]:
    """What is wrong: the column (or the field that none holds), why, and what to do in both languages."""
    for root, shape in ((BODY, kind.body), (PRIVATE, kind.private)):
        part = layout.roots[root]
        if shape is None or (root == PRIVATE and not part):
            continue
        for fault in _faults(shape, part):
            steps = [step.replace("~1", "/").replace("~0", "~") for step in fault.where.split("/")[1:]]
            column = plan.column_of(root, steps, layout) or field_label(kind.name, root, steps)
            reason = Reason.MISSING if fault.detail in _REQUIRED else Reason.INVALID
            yield (
                column,
                reason,
                "" if reason is Reason.MISSING else fault.zh,
                ("" if reason is Reason.MISSING else fault.detail),
            )


def field_label(kind: str, root: str, steps: list[str]) -> str:
    """A field in the words of the schema, for what no column holds."""
    names = [step for step in steps if not step.isdigit()]
    words = "/".join(member_label("/".join((kind, *names[: n + 1]))) for n in range(len(names)))
    where = "/".join((*((PRIVATE,) if root == PRIVATE else ()), *steps))
    return f"{words}〔{where}〕" if names else kind
