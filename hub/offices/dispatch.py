"""What arrives for a city, given to its systems in its own formats; and the answers, fed back both ways.

1. A batch is pulled (every record verified on arrival) and its end is remembered before anything is written: a run
   that is ended is repeated with the same records under the same file names.
2. Each record is opened with the city's key and written by its dialect, the newest revision of each; one for which the
   dialect has no table, or that cannot be opened, is given as it came, signed, with its receipt and a text to read.
3. When the files are in place its sender is told: accepted, or received and why it stands in no table, or unreadable.
4. What others answered to the city's own records is written, too: the row, with what became of it at whom.
5. Then the place in the log is remembered.
"""

from __future__ import annotations

import io
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from pathlib import PurePosixPath
from typing import Any, Final

import structlog

from adapters import writing
from adapters.dialect import Column
from adapters.formats import SqlRows
from adapters.writing import Carried, Loss
from hub.client import Arrival
from hub.cursor import Passing
from hub.errors import Code, Problem
from hub.offices.leaflet import leaflet, stem
from hub.offices.office import Office
from hub.offices.opening import opened
from hub.offices.settings import SinkSettings, folder_access
from hub.offices.sinks import Sink, TableSink, open_sink
from hub.offices.sources.source import temporary_copy
from schemas import divisions
from schemas.labels import label
from schemas.record import Record

AT_ONCE: Final = 200
"""Records that are written together."""
LOSSES_AT_MOST: Final = 1000

logger = structlog.get_logger(__name__)


@dataclass(slots=True)
class SinkReport:
    """What a sink was given. Each record is in one of `written`, `as_signed`, `superseded`, or an answer."""

    sink: str
    written: int = 0
    as_signed: int = 0
    unreadable: int = 0
    superseded: int = 0
    answers: int = 0
    answered_rows: int = 0
    unanswered: int = 0
    """Senders that could not be told: their agreement has ended, say."""
    skipped: int = 0
    files: list[str] = field(default_factory=list)
    losses: list[Loss] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class _Answer:
    """What a record's sender is told."""

    arrival: Arrival
    outcome: str
    reason: str | None = None


@dataclass(frozen=True, slots=True)
class _Signed:
    """A record that is given as it came: opened, where it could be, or why it could not."""

    arrival: Arrival
    private: Mapping[str, Any] | None = field(default=None, repr=False)
    refusal: Problem | None = None


@dataclass(slots=True)
class _Batch:
    """Records on their way into a sink."""

    carried: list[Carried] = field(default_factory=list)
    signed: list[_Signed] = field(default_factory=list)
    answers: list[_Answer] = field(default_factory=list)
    own: dict[str, list[str]] = field(default_factory=dict)
    """Records of the city's own that were answered, with the reasons given."""


class Dispatch:
    """Gives an office's sinks what arrives."""

    def __init__(self, office: Office) -> None:
        self._office = office
        self._memory = office.memory

    def run(self, settings: SinkSettings) -> SinkReport:
        """Feed one sink with everything that is there.

        Raises: Problem where the sink, the node or the database cannot be reached: what was not given is given by
        the next run.
        """
        report = SinkReport(settings.access.name)
        with open_sink(settings, self._office.environment) as sink:
            while self._feed(settings, sink, report):
                pass
        if report.written or report.as_signed or report.answered_rows:
            logger.info(
                "sink_fed",
                city=self._office.city,
                sink=report.sink,
                written=report.written,
                as_signed=report.as_signed,
                answered_rows=report.answered_rows,
                losses=len(report.losses),
            )
        return report

    def _feed(self, settings: SinkSettings, sink: Sink | TableSink, report: SinkReport) -> bool:
        """One batch; whether there was one."""
        city, name = self._office.city, report.sink
        state = self._memory.sinks.state(city, name).at(self._office.client.node.name)
        # An index of one node's log may be that of another record in another's.
        suffix = f"-{state.node}" if state.elsewhere else ""
        bookmark = Passing(state.after, state.numbers)
        arrivals: list[Arrival] = []
        for arrival in self._office.client.pull(bookmark):
            if len(arrivals) == AT_ONCE or (state.upto is not None and arrival.index > state.upto):
                break
            arrivals.append(arrival)
        if not arrivals:
            if state.upto is not None:
                self._memory.sinks.move(city, name, replace(state, upto=None))
                return True
            return False
        report.skipped += sum(arrival.skipped for arrival in arrivals)
        upto = arrivals[-1].index
        self._memory.sinks.move(city, name, replace(state, upto=upto))
        meant = [each for each in arrivals if self._is_meant(settings, each)]
        batch = self._sorted(meant, report)
        self._write(sink, f"{upto:08d}{suffix}", batch.carried, report)
        for signed in batch.signed:
            self._give_signed(sink, signed, report)
        for answer in batch.answers:
            self._tell(answer, report)
        self._write(sink, f"{upto:08d}{suffix}-outcomes", list(self._outcomes(batch.own)), report)
        given = replace(state, after=bookmark.after, upto=None, numbers=bookmark.numbers)
        self._memory.sinks.move(city, name, given)
        return True

    def _is_meant(self, settings: SinkSettings, arrival: Arrival) -> bool:
        """Whether a sink takes a record; the answers belong to the sinks of the kinds that they answer."""
        if not settings.kinds or arrival.record.kind in settings.kinds:
            return True
        if arrival.record.kind != "acknowledgement" or arrival.record.subject is None:
            return False
        row = self._memory.rows.of_record(self._office.city, arrival.record.subject)
        return row is not None and row.kind in settings.kinds

    # -- what came -----------------------------------------------------------------------------------

    def _sorted(self, arrivals: Sequence[Arrival], report: SinkReport) -> _Batch:
        batch = _Batch()
        newest = {(each.record.sender, each.record.id): each for each in arrivals}
        for arrival in arrivals:
            record = arrival.record
            if record.kind == "acknowledgement":
                report.answers += 1
                if record.subject is not None:
                    batch.own.setdefault(record.subject, []).extend(_reason(arrival))
                continue
            if newest[record.sender, record.id] is not arrival:
                report.superseded += 1
                batch.answers.append(_Answer(arrival, "accepted"))
                continue
            try:
                carried = self._carried(arrival)
            except Problem as problem:
                if problem.code in (Code.BUSY, Code.TOO_MANY_REQUESTS):
                    raise
                report.unreadable += 1
                batch.signed.append(_Signed(arrival, refusal=problem))
                batch.answers.append(_Answer(arrival, "unreadable", "cannot_unseal"))
                continue
            if carried is None or not self._has_room(record):
                batch.signed.append(_Signed(arrival, _still_said(record, carried)))
                batch.answers.append(_Answer(arrival, "received", "unknown_kind"))
                continue
            batch.carried.append(carried)
            batch.answers.append(_Answer(arrival, "accepted"))
        return batch

    def _has_room(self, record: Record) -> bool:
        """Whether the dialect has a table for a record, and for one that is withdrawn a column that says so."""
        columns = _columns(self._office, record.kind)
        return columns is not None and (record.withdrawn is None or bool(columns & {"@outcome", "@note"}))

    def _carried(self, arrival: Arrival) -> Carried | None:
        """A record, opened. One that is withdrawn is shown as it last was; None where nothing of it is left."""
        outcome, note = "", ""
        if arrival.record.withdrawn is not None:
            outcome, note = "来文方已撤回", arrival.record.withdrawn
            earlier = [each for each in self._office.client.held(arrival.record.id) if each.record.body]
            if not earlier:
                return None
            arrival = earlier[-1]
        record = arrival.record
        subject = None if record.subject is None else self._known_as(record.subject)
        return Carried(
            record.kind,
            record.body or {},
            opened(record, self._office.key),
            record.version,
            id=record.id,
            sender=record.sender,
            recipients=record.recipients,
            subject=subject,
            issued_at=record.issued_at,
            outcome=outcome,
            note=note,
        )

    def _known_as(self, record_id: str) -> str:
        """What the office calls a record: its own local number, where it is its own."""
        row = self._memory.rows.of_record(self._office.city, record_id)
        return record_id if row is None else row.key.number

    def _outcomes(self, answered: Mapping[str, Sequence[str]]) -> Iterator[Carried]:
        """The city's own rows that were answered, with what became of them, where the dialect has a column for it."""
        for record_id, given in answered.items():
            row = self._memory.rows.of_record(self._office.city, record_id)
            if row is None or "@outcome" not in (_columns(self._office, row.kind) or ()):
                continue
            held = [each for each in self._office.client.held(record_id) if each.record.body is not None]
            if not held:
                continue
            record = held[-1].record
            try:
                private = opened(record, self._office.key)
            except Problem as problem:
                # Sealed to a key that the city has laid down since: the answer is in the log all the same.
                logger.warning(
                    "own_record_unreadable", city=self._office.city, id=record_id, code=str(problem.code)
                )
                continue
            yield Carried(
                record.kind,
                record.body or {},
                private,
                record.version,
                number=row.key.number,
                id=record.id,
                sender=record.sender,
                recipients=record.recipients,
                subject=None if record.subject is None else self._known_as(record.subject),
                issued_at=record.issued_at,
                outcome=self._told(record_id),
                note="；".join(given),
            )

    def _told(self, record_id: str) -> str:
        """What became of a record at each recipient, in words."""
        delivery = self._office.client.delivery(record_id)
        words = []
        for recipient in delivery["recipients"]:
            answered = recipient["outcome"] is not None
            list_name, state = (
                ("outcome", recipient["outcome"]) if answered else ("delivery", recipient["status"])
            )
            words.append(f"{divisions.name(recipient['city'])}：{label(list_name, state, 'zh')}")
        return "；".join(words)

    # -- what goes out -------------------------------------------------------------------------------

    def _write(self, sink: Sink | TableSink, mark: str, records: list[Carried], report: SinkReport) -> None:
        dialect = self._office.dialect
        if isinstance(sink, TableSink):
            for kind in dict.fromkeys(record.kind for record in records):
                self._fill(sink, [record for record in records if record.kind == kind], report)
        else:
            for name, together in writing.files(dialect, records):
                path = PurePosixPath(name)
                given = f"{path.stem}-{mark}{path.suffix}"
                with temporary_copy(self._office.scratch) as stream:
                    losses = writing.write(dialect, together, stream)
                    stream.seek(0)
                    sink.put(given, stream)
                report.files.append(given)
                report.losses += losses[: LOSSES_AT_MOST - len(report.losses)]
        if mark.endswith("outcomes"):
            report.answered_rows += len(records)
        else:
            report.written += len(records)

    def _fill(self, sink: TableSink, records: list[Carried], report: SinkReport) -> None:
        """Rows of one kind into a table, those of the same number replaced."""
        dialect = self._office.dialect
        table = dialect.written(records[0].kind)
        assert table is not None
        rows = []
        for row, losses in writing.rows_of(dialect, table.kind, records):
            rows.append(row)
            report.losses += losses[: LOSSES_AT_MOST - len(report.losses)]
        form = dialect.forms_of(table)[0]
        name = table.at or (form.view if isinstance(form, SqlRows) else table.title)
        key = (table.number,) if isinstance(table.number, str) else table.number
        sink.put_rows(name, key, rows)
        report.files.append(name)

    def _give_signed(self, sink: Sink | TableSink, signed: _Signed, report: SinkReport) -> None:
        arrival = signed.arrival
        name = stem(arrival.record)
        with ExitStack() as stack:
            place = stack.enter_context(self._kept()) if isinstance(sink, TableSink) else sink
            assert not isinstance(place, TableSink)
            place.put(f"{name}.jws", io.BytesIO(f"{arrival.jws}\n".encode()))
            place.put(f"{name}.tlog-proof", io.BytesIO(arrival.receipt.encode()))
            place.put(f"{name}.txt", io.BytesIO(leaflet(arrival.record, signed.private, signed.refusal)))
        report.files += (f"{name}.jws", f"{name}.txt")
        report.as_signed += 1

    def _kept(self) -> Sink | TableSink:
        """A folder of the office's own, for what a table has no row for."""
        folder = self._office.state / "as-signed"
        folder.mkdir(exist_ok=True, mode=0o700)
        return open_sink(SinkSettings(folder_access("as-signed", folder), frozenset(), None), {})

    def _tell(self, answer: _Answer, report: SinkReport) -> None:
        outcome = self._office.client.acknowledge(
            answer.arrival, outcome=answer.outcome, reason=answer.reason, city=self._office.city
        )
        if outcome.problem is not None:
            report.unanswered += 1
            logger.warning(
                "not_acknowledged",
                city=self._office.city,
                id=answer.arrival.record.id,
                code=str(outcome.problem.code),
            )


def _reason(arrival: Arrival) -> Iterator[str]:
    """Why a recipient did not take a record, in words."""
    body = arrival.record.body or {}
    reason, note = body.get("reason"), body.get("note")
    if reason or note:
        said = [label("acknowledgement_reason", reason, "zh") if reason else "", note or ""]
        yield f"{divisions.name(arrival.record.sender)}：{' '.join(filter(None, said))}"


def _still_said(record: Record, carried: Carried | None) -> Mapping[str, Any] | None:
    """A record's private part; what was sealed in one that is withdrawn is not given again."""
    return None if carried is None or record.withdrawn is not None else carried.private


def _columns(office: Office, kind: str) -> set[str] | None:
    """Where the columns of the table for a kind go, None where there is no table."""
    table = office.dialect.written(kind)
    if table is None:
        return None
    return {
        column.path for column in table.columns if isinstance(column, Column) and isinstance(column.path, str)
    }
