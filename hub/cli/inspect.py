"""`hub inspect`: what a file says. Nothing is verified here, and the first line shown says so."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from marshmallow import ValidationError

from hub import sheet
from hub.cli.faults import LocalProblem, Situation, facing
from hub.cli.likeness import likeness
from hub.cli.options import PRESENT_FILE, passphrase_option, read_bytes
from hub.cli.output import Output, fault_line, json_option, local, pass_output, problem_members
from hub.cli.words import argument, command, option
from hub.errors import Code, Problem
from hub.federation.statement import read_statement
from hub.log import entry as entries
from hub.log.checkpoint import Checkpoint
from hub.log.note import split_note
from hub.log.receipt import HEADER, Receipt
from hub.log.tile import BUNDLE_BYTES
from hub.translation import _, language, mark
from keys import record_signature
from keys.files import read_passphrase, read_unseal
from keys.seal import check_shape, unseal
from keys.suite import base64url_decode
from schemas import strict_json
from schemas.faults import Fault, faults
from schemas.kinds import KINDS
from schemas.labels import member_label
from schemas.record import load

ENVELOPE: Final = (
    "id", "kind", "revision", "from", "to", "issued_at", "expires_at", "marking", "agreement", "subject", "withdrawn",
)  # fmt: skip
SHOWN_ENTRIES: Final = 256
LISTS: Final = (b"[\n", b"[ ", b"[\t", b"[\r")
"""How a list of JSON objects may begin, which a bundle may not be taken for."""


@command(
    help=mark(
        "Show what a file says, without verifying it: a record, a receipt, a checkpoint or a bundle of log entries."
        "\n\n--unseal opens the sealed part of a record; what is personal in it stays hidden without --show-personal."
    )
)
@argument("file", type=PRESENT_FILE, help=mark("File to read, or - for standard input."))
@option("--unseal", "key", type=PRESENT_FILE, help=mark("Key of a city, to open the sealed part."))
@passphrase_option
@option("--show-personal", is_flag=True, help=mark("Show personal data, too."))
@json_option
@pass_output
def inspect(
    output: Output, *, file: Path, key: Path | None, passphrase_file: Path | None, show_personal: bool
) -> None:
    content = read_bytes(file, BUNDLE_BYTES)
    with facing(Situation.READING):
        members, lines = _read(content)
    if key is not None:
        with facing(Situation.SEALED):
            if members["type"] != "record":
                raise Problem(Code.INVALID, "only a record has a sealed part")
            plaintext = _opened(members["payload"], key, passphrase_file)
        opened = _private(members["payload"], plaintext, show_personal)
        members |= opened.members()
        lines += [("", ""), (_("Opened"), ""), *opened.lines(members["payload"])]
    if output.as_json:
        output.json({"verified": False, **members})
        return
    output.say(_("Nothing was verified: this is what the file says of itself."), style="bold yellow")
    output.say("")
    output.lines(lines)


_Read = tuple[dict[str, Any], list[tuple[str, str]]]


def _read(content: bytes) -> _Read:
    """What the file is, by how it begins."""
    if content.startswith(HEADER.encode()):
        return _receipt(content)
    if content.startswith(b'{"abandoned":'):
        return _statement(content)
    if b"\n\n\xe2\x80\x94 " in content:
        return _checkpoint(content)
    if content[:1] == b"{" and likeness(content) is Situation.IS_ENTRY:
        return _entries([content.rstrip(b"\n")], "entry")
    if content[2:3] == b"{" and content[:2] not in LISTS:
        return _entries(_split(content), "bundle")
    if content.count(b".") == 2 and content.startswith(b"ey"):
        return _record(content)
    nothing = Problem(Code.MALFORMED, "no record, receipt, checkpoint, log entry or bundle of them")
    raise LocalProblem(nothing, likeness(content))


def _record(content: bytes) -> _Read:
    try:
        jws = content.decode("ascii").strip()
    except UnicodeDecodeError:
        raise Problem(Code.MALFORMED, "a signed record is ASCII text") from None
    signed = record_signature.parse(jws)
    payload_bytes = base64url_decode(jws.split(".")[1])
    payload = strict_json.loads(payload_bytes)
    if not isinstance(payload, dict):
        raise Problem(Code.MALFORMED, "the payload is no JSON object")
    fault = None
    try:
        load(payload_bytes)
    except Problem as problem:
        fault = problem
    members = {
        "type": "record",
        "kid": signed.kid,
        "digest": signed.digest,
        "payload": payload,
        "problem": None if fault is None else problem_members(fault),
    }
    lines = [(_("Record signed with key"), signed.kid), (_("Digest"), signed.digest)]
    if fault is not None:
        lines.append((_("Schema"), f"✗ {fault.detail} {fault.where or ''}"))
    lines += sheet.envelope(payload, ENVELOPE, language())
    body = payload.get("body")
    if isinstance(body, dict):
        lines += [("", ""), (member_label("body", language()), ""), *_body_lines(payload, body)]
    if isinstance(payload.get("sealed"), dict):
        lines += [("", ""), (member_label("sealed", language()), _sealed_to(payload["sealed"]))]
    return members, lines


def _body_lines(payload: Mapping[str, Any], body: Mapping[str, Any]) -> list[tuple[str, str]]:
    known = _kind(payload)
    name = str(payload.get("kind"))
    return list(sheet.lines(None if known is None else known.body, body, name, language()))


def _kind(payload: Mapping[str, Any]) -> Any:
    named = (payload.get("kind"), payload.get("version"))
    return next((known for key, known in KINDS.items() if key == named), None)


def _sealed_to(sealed: Mapping[str, Any]) -> str:
    try:
        return _("sealed to {keys}").format(keys=", ".join(check_shape(sealed)))
    except Problem as problem:
        return f"✗ {problem.detail}"


def _opened(payload: Mapping[str, Any], key: Path, passphrase_file: Path | None) -> bytes:
    sealed = payload.get("sealed")
    if not isinstance(sealed, dict):
        raise Problem(Code.NOT_FOUND, "the record has no sealed part", where="/sealed")
    with facing(Situation.KEY):
        opener = read_unseal(key, read_passphrase(passphrase_file, os.environ))
    return unseal(sealed, opener)


@dataclass(frozen=True, slots=True)
class _Private:
    """What a sealed part says, with what is personal in it hidden or not; `fault` where it fits no schema."""

    said: Any
    fault: str | None

    def members(self) -> dict[str, Any]:
        return {"unsealed": self.said, "unsealed_fault": self.fault}

    def lines(self, payload: Mapping[str, Any]) -> list[tuple[str, str]]:
        shown = []
        if self.fault is not None:
            shown = [
                (_("Schema"), f"✗ {self.fault}"),
                ("", _("It does not fit the schema and is shown as it is.")),
            ]
        if not isinstance(self.said, dict):
            return [*shown, (_("Text"), sheet.visible(str(self.said)))]
        known = _kind(payload)
        shape = None if known is None else known.private
        return [*shown, *sheet.lines(shape, self.said, str(payload.get("kind")), language())]


def _private(payload: Mapping[str, Any], plaintext: bytes, show_personal: bool) -> _Private:
    """The opened part; of one that its schema refuses, what is at fault there counts as personal."""
    known = _kind(payload)
    shape = None if known is None else known.private
    try:
        value = strict_json.loads(plaintext)
    except Problem as problem:
        text = plaintext.decode("utf-8", "replace")
        return _Private(text if show_personal else sheet.MASK, problem.detail)
    if shape is None:
        said = _("the kind has no schema for a sealed part")
        return _Private(value if show_personal else sheet.MASK, said)
    found: list[Fault] = []
    try:
        shape().load(value)
    except ValidationError as error:
        found = faults(error)
    told = "; ".join(fault_line(fault._asdict()) for fault in found) or None
    if show_personal:
        return _Private(value, told)
    return _Private(sheet.hidden(sheet.masked(shape, value), [fault.where for fault in found]), told)


def _receipt(content: bytes) -> _Read:
    receipt = Receipt.parse(content)
    about, note_lines = _checkpoint(receipt.checkpoint.encode())
    entry_members, entry_lines = _entries([receipt.entry], "entry")
    members = {
        "type": "receipt",
        "index": receipt.index,
        "entry": entry_members["entries"][0],
        "proof": [sibling.hex() for sibling in receipt.proof],
        "checkpoint": about,
    }
    lines = [
        (_("Receipt for index"), str(receipt.index)),
        (_("Inclusion hashes"), str(len(receipt.proof))),
        ("", ""),
        *entry_lines,
        ("", ""),
        *note_lines,
    ]
    return members, lines


def _checkpoint(content: bytes) -> _Read:
    body, signatures = split_note(content)
    checkpoint = Checkpoint.parse(body)
    members = {
        "type": "checkpoint",
        "origin": checkpoint.origin,
        "size": checkpoint.size,
        "root": checkpoint.root.hex(),
        "signatures": [{"name": name, "id": key_id.hex()} for name, key_id, _signature in signatures],
    }
    lines = [
        (_("Checkpoint of log"), checkpoint.origin),
        (_("Entries"), str(checkpoint.size)),
        (_("Root"), checkpoint.root.hex()),
        *((_("Signature line"), f"{name} {key_id.hex()}") for name, key_id, _signature in signatures),
    ]
    return members, lines


def _statement(content: bytes) -> _Read:
    said = read_statement(content)
    given_up = [Checkpoint.parse(split_note(note)[0]) for note in said.abandoned]
    members = {
        "type": "statement",
        "origin": said.origin,
        "size": said.size,
        "root": said.root.hex(),
        "reason": said.reason,
        "at": said.at,
        "abandoned": [{"size": each.size, "root": each.root.hex()} for each in given_up],
    }
    lines = [
        (_("Statement on a new epoch of log"), said.origin),
        (_("The new epoch begins after"), str(said.size)),
        (_("Root"), said.root.hex()),
        *((_("Given up"), f"{each.size} {each.root.hex()}") for each in given_up),
        (_("Reason"), said.reason),
        (_("Stated at"), local(said.at)),
    ]
    return members, lines


def _split(bundle: bytes) -> list[bytes]:
    """The entries of a bundle of whatever width."""
    found, at = list[bytes](), 0
    while at + 2 <= len(bundle):
        length = int.from_bytes(bundle[at : at + 2], "big")
        found.append(bundle[at + 2 : at + 2 + length])
        at += 2 + length
    if at != len(bundle):
        raise Problem(Code.MALFORMED, "the bundle ends in the middle of an entry")
    return found


def _entries(found: Sequence[bytes], type_: str) -> _Read:
    decoded = []
    for line in found:
        entries.decode(line)
        decoded.append(strict_json.loads(line))
    members = {"type": type_, "entries": decoded}
    lines: list[tuple[str, str]] = []
    for number, (line, entry) in enumerate(zip(found, decoded, strict=True)):
        if number == SHOWN_ENTRIES:
            break
        heading = _("Log entry") if type_ == "entry" else str(number)
        lines.append((heading, f"{local(entry['at'])} {entry['type']} {line.decode()}"))
    return members, lines
