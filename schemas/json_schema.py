"""The schemas as JSON Schema 2020-12, made from the marshmallow schemas so that the two cannot differ.

Objects become `$defs` named after their classes. Members carry their labels (`title` in English,
`x-title-zh`), codes theirs (`x-labels`), and personal data is marked `x-personal`. What JSON Schema
cannot say (order of times, personal numbers in texts, crossing polygons) stands in the descriptions.
"""

from __future__ import annotations

from typing import Any, Final, TypeAlias

from marshmallow import fields

from schemas import kinds
from schemas.fields import Code, Many, Member, OpenCode, Part
from schemas.labels import LABELS, label, member_label
from schemas.rules import NOTHING, says_something
from schemas.shape import Shape

Json: TypeAlias = dict[str, Any]

DIALECT: Final = "https://json-schema.org/draft/2020-12/schema"
_NULL: Final[Json] = {"type": "null"}


def json_schema(kind: str, version: int) -> Json:
    """The schema of a whole payload; its private part, where there is one, is `$defs/Private`.

    Raises:
        Problem: `unknown-kind`.
    """
    known = kinds.kind(kind, version)
    definitions: Json = {}
    writer = _Writer(definitions, "#/$defs/")
    record = writer.shape(type(kinds.payload_schema(kind, version)), "", kind)
    if known.private is not None:
        definitions["Private"] = writer.shape(known.private, kind)
    return {
        "$schema": DIALECT,
        "$id": f"/v1/schemas/{kind}/{version}",
        "title": label("kind", kind, "en"),
        "x-title-zh": label("kind", kind, "zh"),
        **record,
        "allOf": _conditions(known),
        "$defs": definitions,
    }


def components() -> Json:
    """The schemas of all kinds, newest and older versions, for `components/schemas` of OpenAPI 3.1."""
    schemas: Json = {}
    for (name, version), known in kinds.KINDS.items():
        writer = _Writer(schemas, "#/components/schemas/", f"{known.body.__name__}{version}")
        record = writer.shape(type(kinds.payload_schema(name, version)), "", name)
        schemas[writer.prefix] = {**record, "allOf": _conditions(known)}
        if known.private is not None:
            schemas[f"{writer.prefix}Private"] = writer.shape(known.private, name)
    return schemas


class _Writer:
    """Writes shapes into one set of definitions, under names that begin with `prefix`."""

    def __init__(self, definitions: Json, base: str, prefix: str = "") -> None:
        self.definitions = definitions
        self.base = base
        self.prefix = prefix

    def shape(self, shape: type[Shape], path: str, kind: str = "") -> Json:
        """An object; `path` leads to it from the kind, for the labels. `kind` names that of a whole record."""
        properties: Json = {}
        required: list[str] = []
        for name, field in shape().fields.items():
            wire = field.data_key or name
            inner = f"{path}/{wire}".lstrip("/") if not (kind and wire == "body") else kind
            words = wire if inner == kind else inner
            properties[wire] = {
                "title": member_label(words, "en"),
                "x-title-zh": member_label(words, "zh"),
                **self.member(field, inner),
            }
            if field.required:
                required.append(wire)
        written: Json = {"type": "object", "description": _first_line(shape), "properties": properties}
        if required:
            written["required"] = required
        if says_something in shape.rules:
            written["not"] = {"additionalProperties": {"enum": list(NOTHING)}}
        written["additionalProperties"] = False
        return written

    def member(self, field: fields.Field[Any], path: str) -> Json:
        """One member, nullable where the schema says so."""
        if isinstance(field, Part):
            written = self._reference(field.shape, path)
        elif isinstance(field, Many):
            written = {
                "type": "array",
                "items": self.member(field.item, path),
                "minItems": field.least,
                "maxItems": field.most,
                **({"uniqueItems": True} if field.distinct else {}),
            }
        elif isinstance(field, Member):
            written = field.published()
            if isinstance(field, Code | OpenCode):
                written["x-labels"] = {
                    code: dict(LABELS[field.codes.name][code]) for code in field.codes.codes
                }
        else:
            raise TypeError(
                f"{type(field).__name__} cannot be published; use the fields of schemas/fields.py"
            )
        if field.metadata.get("personal"):
            written["x-personal"] = True
        return _nullable(written) if field.allow_none else written

    def _reference(self, shape: type[Shape], path: str) -> Json:
        name = f"{self.prefix}{shape.__name__}"
        if name not in self.definitions:
            self.definitions[name] = {}
            self.definitions[name] = self.shape(shape, path)
        return {"$ref": f"{self.base}{name}"}


def _nullable(written: Json) -> Json:
    if "$ref" in written:
        return {"anyOf": [written, _NULL]}
    nullable = {**written, "type": [written["type"], "null"]}
    if "enum" in written:
        nullable["enum"] = [*written["enum"], None]
    return nullable


def _conditions(known: kinds.Kind) -> list[Json]:
    """What holds across the members of a record, as far as JSON Schema can say it."""

    def null(*names: str) -> Json:
        return {"properties": {name: {"type": "null"} for name in names}}

    conditions: list[Json] = [
        {
            "if": null("withdrawn"),
            "then": {"properties": {"body": {"type": "object"}}},
            "else": null("body", "sealed"),
        },
        {
            "if": {"properties": {"revision": {"const": 1}}},
            "then": null("previous"),
            "else": {"properties": {"previous": {"type": "string"}}},
        },
    ]
    if known.private is None:
        conditions.append(null("sealed"))
    if known.subject_required:
        conditions.append({"properties": {"subject": {"type": "string"}}})
    return conditions


def _first_line(shape: type[Shape]) -> str:
    return (shape.__doc__ or "").strip().partition("\n")[0]
