"""The quick check accepts nothing that marshmallow refuses, and does accept the good case."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from record_examples import KIND_NAMES, SEALED, members, write
from record_strategies import NEAR_MISSES, objects, places, spoiled

from hub.errors import Problem
from schemas import record
from schemas.compiled import CompiledSchema
from schemas.fields import Many, Part
from schemas.kinds import KINDS, payload_schema
from schemas.limits import JSON_DEPTH
from schemas.shape import Shape

COMPILED = {name: CompiledSchema(type(payload_schema(name, 1))) for name in KIND_NAMES}


def outcome(way: Any, raw: bytes) -> Any:
    try:
        return way(raw)
    except Problem as problem:
        return problem.code, problem.where, problem.detail


def agree(value: Any) -> None:
    for raw in (write(value), json.dumps(value).encode()):
        assert outcome(record.load, raw) == outcome(record.explain, raw)


@pytest.mark.parametrize("name", KIND_NAMES)
def test_the_worked_examples_take_the_quick_way(name: str) -> None:
    assert COMPILED[name].accepted(members(name)) is not None


def test_a_sealed_case_takes_the_quick_way() -> None:
    assert COMPILED["mediation_case"].accepted(members("mediation_case", sealed=SEALED)) is not None


@pytest.mark.parametrize("name", KIND_NAMES)
def test_every_near_miss_in_every_place_ends_the_same_both_ways(name: str) -> None:
    for path in places(members(name)):
        for value in NEAR_MISSES:
            spoilt = members(name)
            holder = spoilt
            for step in path[:-1]:
                holder = holder[step]
            holder[path[-1]] = value
            if COMPILED[name].accepted(spoilt) is not None:
                agree(spoilt)


@pytest.mark.parametrize("name", KIND_NAMES)
@given(st.data())
@settings(deadline=None, max_examples=60, suppress_health_check=list(HealthCheck))
def test_good_and_spoiled_records_end_the_same_both_ways(name: str, data: st.DataObject) -> None:
    agree(data.draw(spoiled(name, type(payload_schema(name, 1)))))


@pytest.mark.parametrize("name", KIND_NAMES)
@given(st.data())
@settings(deadline=None, max_examples=40, suppress_health_check=list(HealthCheck))
def test_a_good_body_takes_the_quick_way_if_marshmallow_accepts_it(name: str, data: st.DataObject) -> None:
    value = members(name, body=data.draw(objects(KINDS[name, 1].body)))
    try:
        record.explain(write(value))
    except Problem:
        return
    assert COMPILED[name].accepted(value) is not None


def depth(shape: type[Shape]) -> int:
    def of(field: Any) -> int:
        if isinstance(field, Part):
            return depth(field.shape)
        if isinstance(field, Many):
            return 1 + of(field.item)
        return 3

    return 1 + max(of(field) for field in shape().fields.values())


@pytest.mark.parametrize("name", KIND_NAMES)
def test_no_schema_nests_as_deep_as_json_may(name: str) -> None:
    """The quick way does not count depth: what its types let through is shallower than the limit."""
    assert depth(type(payload_schema(name, 1))) <= JSON_DEPTH


def test_a_body_made_of_the_known_fields_needs_no_code_to_be_checked_quickly() -> None:
    from marshmallow import fields

    from schemas.fields import Text

    class Fresh(Shape):
        name = Text(10, required=True)
        notes = Many(Text(10), 2)
        phones = Many(Text(20, phone=True), 2)
        numbers = Many(Text(20, official=True), 2)

    fresh = CompiledSchema(Fresh)
    assert fresh.accepted({"name": "x", "notes": ["a"], "phones": ["13912345678"]}) is not None
    assert fresh.accepted({"name": "x", "notes": ["13912345678"]}) is None
    assert fresh.accepted({"name": "x", "notes": ["a", "b", "c"]}) is None

    assert fresh.accepted({"name": "x", "numbers": ["610821199003071234"]}) is not None
    assert fresh.accepted({"name": "x", "numbers": ["610821199003071235"]}) is None

    class Foreign(Shape):
        name = fields.String()

    with pytest.raises(TypeError):
        CompiledSchema(Foreign)


def test_many_threads_may_be_the_first_to_load_a_kind() -> None:
    """msgspec crashed the process where a type that nobody had used met several threads at once."""
    together = """
import threading
from record_examples import payload
from schemas import kinds, record

start = threading.Barrier(16)

def load(name):
    start.wait()
    for _ in range(20):
        record.load(payload(name))

names = [name for name, _ in kinds.KINDS]
threads = [threading.Thread(target=load, args=(names[i % len(names)],)) for i in range(16)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
"""
    for _ in range(5):
        ended = subprocess.run(
            [sys.executable, "-c", together], cwd=Path(__file__).parent, capture_output=True, check=False
        )
        assert ended.returncode == 0, ended.stderr.decode()
