"""`hub verify`: the auditor's command. It believes the trust list and no node, and needs no database.

What is checked, and in which order, stands at the head of `hub/log/verifier.py`; this says how far it came.

Cosignatures come after a receipt is given, by the witnesses' schedule. So too few of them are a warning, unless
`--quorum` asks for a number: then they are a refusal.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from contextlib import closing, nullcontext
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NoReturn

import click

from hub.cli.faults import Situation, facing, told
from hub.cli.options import PRESENT_FILE, PRESENT_FOLDER, passphrase_option, read_bytes
from hub.cli.output import Output, city_name, city_names, json_option, local, pass_output, problem_members
from hub.cli.words import argument, command, option
from hub.clock import utc_now
from hub.errors import Code, Problem
from hub.log.checkpoint import Checkpoint, Cosignature
from hub.log.note import VerifierKey, split_note
from hub.log.reader import DirReader, LogReader
from hub.log.receipt import RECEIPT_LENGTH
from hub.log.verifier import LogReport, Verdict, verify_log, verify_record
from hub.translation import _, language, mark
from keys.trust_list import Trust
from keys.trust_repository import METADATA_BYTES, open_trust_once
from schemas.labels import label
from schemas.limits import RECORD_BYTES

if TYPE_CHECKING:
    from hub.client import Client

ENTRIES_A_PROCESS: Final = 100_000
"""Fewer are checked in less time than another process takes to start."""

RECORD_STEPS: Final = {
    1: mark("The receipt and its log entry are well formed"),
    2: mark(
        "The record bears the signature of a key in the trust list, which signs this kind for its sender"
    ),
    3: mark("The record fits its schema, and the log entry says of it what it is"),
    4: mark("The checkpoint is signed by the log of a node in the trust list"),
    5: mark("The entry is in that log, at its index"),
    6: mark("Witnesses cosigned the checkpoint, as many as were asked for"),
    7: mark("The key was valid when the record was issued, and not revoked when it was entered"),
}
LOG_STEPS: Final = {
    1: mark("The checkpoint is signed by the log, and cosigned by as many witnesses as were asked for"),
    2: mark("Every entry is well formed, and no recipient's numbering has a gap"),
    3: mark("Every tile holds the hashes of what is below it"),
    4: mark("All entries together hash to the root that the checkpoint names"),
}


UNWITNESSED_RECORD: Final = RECORD_STEPS | {6: mark("Witnesses' cosignatures: none were asked for")}
UNWITNESSED_LOG: Final = LOG_STEPS | {1: mark("The checkpoint is signed by the log")}
"""The same where `--quorum` asks for none, so that nobody reads of witnesses who were not there."""


@dataclass
class _Steps:
    """Which steps were passed."""

    words: Mapping[int, str]
    passed: set[int] = field(default_factory=set)

    def show(self, output: Output, problem: Problem | None) -> None:
        """A line for each step that was come to."""
        for number, words in self.words.items():
            if number in self.passed:
                output.say(f"✓ {_(words)}", style="green")
            elif problem is not None:
                output.say(f"✗ {_(words)}", style="bold red")
                return

    def members(self) -> list[dict[str, Any]]:
        return [{"step": number, "passed": number in self.passed} for number in self.words]


@command(
    help=mark(
        "Check a record with its receipt, or a whole log."
        "\n\nhub verify RECORD RECEIPT --trust DIR needs no network. hub verify --log URL|DIR --trust DIR reads every "
        "entry; from a node that takes an auditor's --key. Only the trust list is believed: give --root to believe "
        "not even that without the root that you hold."
    )
)
@argument("record", type=PRESENT_FILE, required=False, help=mark("Signed record (.jws)."))
@argument("receipt", type=PRESENT_FILE, required=False, help=mark("Its receipt (.tlog-proof)."))
@option(
    "--trust", "repository", type=PRESENT_FOLDER, required=True, help=mark("Folder of the trust repository.")
)
@option("--root", type=PRESENT_FILE, help=mark("Root of the trust repository that you hold from elsewhere."))
@option("--log", "source", metavar="URL|DIR", help=mark("Log to check as a whole: a node or a folder."))
@option("--node", metavar="NAME", help=mark("Node whose log it is; else found in the trust list."))
@option("--key", type=PRESENT_FILE, help=mark("Auditor's key, for a node's log."))
@passphrase_option
@option("--quorum", type=click.IntRange(0), metavar="N", help=mark("Refuse where fewer witnesses cosigned."))
@json_option
@pass_output
def verify(
    output: Output,
    *,
    record: Path | None,
    receipt: Path | None,
    repository: Path,
    root: Path | None,
    source: str | None,
    node: str | None,
    key: Path | None,
    passphrase_file: Path | None,
    quorum: int | None,
) -> None:
    if (source is None) == (record is None) or (record is None) != (receipt is None):
        raise click.UsageError(_("Give a record and its receipt, or --log."))
    pinned = None if root is None else read_bytes(root, METADATA_BYTES)
    with facing(Situation.TRUST):
        trust = open_trust_once(repository, utc_now(), pinned)
    if record is not None and receipt is not None:
        _verify_record(output, record, receipt, trust, quorum)
        return
    assert source is not None
    log_of, client = _find(source, node, trust, key, passphrase_file)
    reader: LogReader = client or DirReader(Path(source))
    with closing(client) if client is not None else nullcontext():
        with facing(Situation.LOG):
            name = log_of or _origin(reader)
        _verify_log(output, reader, name, trust, quorum)


def _verify_record(output: Output, record: Path, receipt: Path, trust: Trust, quorum: int | None) -> None:
    steps = _Steps(RECORD_STEPS if quorum else UNWITNESSED_RECORD)
    try:
        jws = _ascii(read_bytes(record, RECORD_BYTES + 2)).strip()
        proof = read_bytes(receipt, RECEIPT_LENGTH)
        verdict = verify_record(jws, proof, trust, quorum=quorum or 0, passed=steps.passed.add)
    except Problem as problem:
        _fail(output, steps, told(problem, Situation.RECORD))
    if output.as_json:
        output.json({"verified": True, "steps": steps.members(), **_record_members(verdict, trust, quorum)})
        return
    steps.show(output, None)
    output.say("")
    output.lines(_record_lines(verdict))
    output.say("")
    _conclude(output, verdict.cosignatures, trust, quorum)


def _verify_log(output: Output, reader: LogReader, name: str, trust: Trust, quorum: int | None) -> None:
    with facing(Situation.UNLISTED):
        if name not in trust.nodes:
            raise Problem(Code.UNKNOWN_KEY, f"the trust list has no node named {name}")
    log = VerifierKey.parse(trust.nodes[name].log)
    witnesses = [VerifierKey.parse(each.witness) for each in trust.witnesses_for(name)]
    steps = _Steps(LOG_STEPS if quorum else UNWITNESSED_LOG)
    try:
        with output.progress(_("Checking entries")) as advance:
            report = verify_log(
                reader,
                log,
                witnesses=witnesses,
                quorum=quorum or 0,
                processes=_processes(reader),
                progress=advance,
                passed=steps.passed.add,
            )
    except Problem as problem:
        _fail(output, steps, told(problem, Situation.LOG))
    if output.as_json:
        output.json({"verified": True, "steps": steps.members(), **_log_members(report, trust, quorum)})
        return
    steps.show(output, None)
    output.say("")
    output.lines(_log_lines(report))
    output.say("")
    _conclude(output, report.cosignatures, trust, quorum)


def _find(
    source: str, node: str | None, trust: Trust, key: Path | None, passphrase_file: Path | None
) -> tuple[str | None, Client | None]:
    """The node whose log is at `source`, None where its checkpoint will say; and a client, for a URL."""
    if not source.startswith(("http://", "https://")):
        return node, None
    url = source.rstrip("/")
    name = node or next((each.name for each in trust.nodes.values() if each.url.rstrip("/") == url), None)
    with facing(Situation.UNLISTED):
        if name is None:
            raise Problem(Code.NOT_FOUND, "the trust list has no node at this address; name one with --node")
        if name not in trust.nodes:
            raise Problem(Code.NOT_FOUND, f"the trust list has no node named {name}")
    with facing(Situation.AUDITOR):
        if key is None:
            raise Problem(
                Code.UNSIGNED,
                "a node shows its log's entries to auditors only: give the auditor's key with --key",
            )
    # A folder needs nothing of these, and waits for none of them to load.
    from hub.client import Client  # noqa: PLC0415
    from hub.profile import reached_at  # noqa: PLC0415
    from keys.files import read_passphrase, read_signing  # noqa: PLC0415

    with facing(Situation.KEY):
        signer = read_signing(key, read_passphrase(passphrase_file, os.environ))
    return name, Client(reached_at(trust, name, url), name, signer)


def _origin(reader: LogReader) -> str:
    """The log that a checkpoint says it is of; its signature is checked by that log's key later."""
    return Checkpoint.parse(split_note(reader.checkpoint())[0]).origin


def _processes(reader: LogReader) -> int:
    """How many processes share a log: a folder can be read by many, and a large one is worth it.

    The size is the log's own word, which nothing but this rests on.
    """
    if not isinstance(reader, DirReader):
        return 1
    size = Checkpoint.parse(split_note(reader.checkpoint())[0]).size
    return max(1, min(os.cpu_count() or 1, size // ENTRIES_A_PROCESS))


def _fail(output: Output, steps: _Steps, problem: Problem) -> NoReturn:
    if output.as_json:
        output.json({"verified": False, "steps": steps.members(), "problem": problem_members(problem)})
    else:
        steps.show(output, problem)
        output.problem(problem)
    raise click.exceptions.Exit(1)


def _conclude(output: Output, cosignatures: Sequence[Cosignature], trust: Trust, quorum: int | None) -> None:
    """The verdict, and what witnesses had to say."""
    wanted = trust.quorum if quorum is None else quorum
    said = _("{found} cosignatures; the cities agreed on {wanted}.").format(
        found=len(cosignatures), wanted=trust.quorum
    )
    if not wanted and not cosignatures:
        said = _("No cosignatures, and none are asked for: the log's own word stands for it.")
    if len(cosignatures) < wanted:
        output.say(f"! {said}", style="yellow")
        output.say(
            (
                _("Verified, but fewer witnesses than that stand for the log's being the same to everyone.")
                if cosignatures
                else _(
                    "Verified, but not yet witnessed: the log's own word alone stands for its being the same to"
                    " everyone."
                )
            )
            + " "
            + _("Fetch the receipt or checkpoint again later; --quorum {wanted} insists on it.").format(
                wanted=wanted
            ),
            style="bold yellow",
        )
    else:
        output.say(f"✓ {said}", style="green")
        output.say(_("Verified."), style="bold green")


def _cosignature_members(
    cosignatures: Sequence[Cosignature], trust: Trust, quorum: int | None
) -> dict[str, Any]:
    return {
        "found": len(cosignatures),
        "asked": quorum or 0,
        "agreed": trust.quorum,
        "witnesses": [
            {"name": each.witness.name, "at": _time(each.time).isoformat()} for each in cosignatures
        ],
    }


def _record_members(verdict: Verdict, trust: Trust, quorum: int | None) -> dict[str, Any]:
    record = verdict.record
    return {
        "record": {
            "id": record.id,
            "revision": record.revision,
            "kind": record.kind,
            "from": record.sender,
            "to": list(record.recipients),
            "issued_at": record.issued_at.isoformat(),
            "digest": verdict.digest,
            "kid": verdict.key.kid,
            "system": verdict.key.system,
        },
        "log": {
            "origin": verdict.checkpoint.checkpoint.origin,
            "index": verdict.index,
            "size": verdict.checkpoint.size,
            "entered_at": verdict.entry.at,
        },
        "cosignatures": _cosignature_members(verdict.cosignatures, trust, quorum),
    }


def _record_lines(verdict: Verdict) -> list[tuple[str, str]]:
    record, checkpoint = verdict.record, verdict.checkpoint
    place = _("index {index} of {size} in {origin}").format(
        index=verdict.index, size=checkpoint.size, origin=checkpoint.checkpoint.origin
    )
    return [
        (_("Record"), f"{record.id} · {record.revision}"),
        (_("Kind"), label("kind", record.kind, language())),
        (_("From"), city_name(record.sender)),
        (_("To"), city_names(record.recipients)),
        (_("Signed by"), f"{verdict.key.system or verdict.key.owner} ({verdict.key.kid})"),
        (_("Issued"), local(record.issued_at)),
        (_("In the log"), f"{local(verdict.entry.at)} · {place}"),
        (_("Digest"), verdict.digest),
        *_witness_lines(verdict.cosignatures),
    ]


def _log_members(report: LogReport, trust: Trust, quorum: int | None) -> dict[str, Any]:
    return {
        "log": {"origin": report.origin, "size": report.size, "root": report.root.hex()},
        "entries": dict(report.types),
        "streams": dict(report.streams),
        "cosignatures": _cosignature_members(report.cosignatures, trust, quorum),
    }


def _log_lines(report: LogReport) -> list[tuple[str, str]]:
    return [
        (_("Log"), report.origin),
        (_("Entries"), str(report.size)),
        (_("Root"), report.root.hex()),
        *((f"  {kind}", str(count)) for kind, count in sorted(report.types.items())),
        *(
            (_("Numbered for {city}").format(city=city_name(city)), f"1 … {last}")
            for city, last in report.streams.items()
        ),
        *_witness_lines(report.cosignatures),
    ]


def _witness_lines(cosignatures: Sequence[Cosignature]) -> list[tuple[str, str]]:
    return [(_("Witness"), f"{each.witness.name} · {local(_time(each.time))}") for each in cosignatures]


def _time(seconds: int) -> datetime:
    return datetime.fromtimestamp(min(seconds, 253402300799), UTC)


def _ascii(content: bytes) -> str:
    try:
        return content.decode("ascii")
    except UnicodeDecodeError:
        raise Problem(Code.MALFORMED, "a signed record is ASCII text") from None
