"""Group commit: one thread takes what is queued, and one transaction and one fsync serve all of it.

1. Take the jobs that are waiting, up to 1,000 records' worth.
2. Apply them in one transaction; a job's own refusal (a `Problem`) is its result and spoils no other.
3. If anything else goes wrong before the commit, roll back and apply each job alone, so that only the one
   at fault fails.
4. Commit, then answer. If the commit itself fails nobody can know whether it holds: all are told `busy`,
   and a retry gives the stored outcome. All are told so at once, too, where no transaction can be begun.
"""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar

import structlog
from sqlalchemy import Connection, RootTransaction
from sqlalchemy.exc import SQLAlchemyError

from hub.errors import Code, Problem
from hub.store.engine import Database
from hub.store.transaction import Claim, SignCheckpoint, Transaction
from schemas import limits

T = TypeVar("T")
HALTED = (
    "this node's log has gone back, and nothing is written: `hub recover` shows its operator the ways back"
)
HALTED_SECONDS = 600
logger = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Job(Generic[T]):
    """Something to be done in a transaction: what it looks up, and the deed."""

    apply: Callable[[Transaction], T]
    claim: Claim | None = None
    ids: Sequence[str] = ()
    even_halted: bool = False
    """Whether it is done even where the log has gone back: nothing but what puts it in order again is."""


@dataclass(frozen=True, slots=True)
class Committed(Generic[T]):
    """A job's result and the checkpoint that covers it; both are on disk."""

    result: T
    checkpoint: str


@dataclass(slots=True)
class _Queued:
    job: Job[Any]
    future: Future[Committed[Any]] = field(default_factory=Future)


class _UnwritableError(Exception):
    """The database cannot be written now, whoever asks; or a commit failed, with an outcome that nobody knows."""


class Appender:
    """The one writer of this process."""

    def __init__(self, database: Database, sign: SignCheckpoint) -> None:
        self._database = database
        self._sign = sign
        self._queue: queue.SimpleQueue[_Queued | None] = queue.SimpleQueue()
        self._door = threading.Lock()
        """Nothing may be queued behind the mark that ends the thread: nobody would ever answer it."""
        self._closed = False
        self._thread = threading.Thread(target=self._run, name="appender", daemon=True)
        self._thread.start()

    def do(self, job: Job[T]) -> Committed[T]:
        """Do `job`, wait until it is on disk.

        Raises: the job's own Problem; Problem `busy` where the database cannot be written now.
        """
        queued = _Queued(job)
        with self._door:
            if self._closed:
                raise Problem(Code.BUSY, "the node is stopping", retry_after=5)
            self._queue.put(queued)
        return queued.future.result()

    def close(self) -> None:
        """Finish what is queued, then stop."""
        with self._door:
            if not self._closed:
                self._closed = True
                self._queue.put(None)
        self._thread.join()

    def _run(self) -> None:
        while (first := self._queue.get()) is not None:
            batch, stopping = self._take(first)
            self._serve(batch)
            if stopping:
                return

    def _take(self, first: _Queued) -> tuple[list[_Queued], bool]:
        batch, weight = [first], len(first.job.ids)
        while weight < limits.PUSH_RECORDS:
            try:
                following = self._queue.get_nowait()
            except queue.Empty:
                break
            if following is None:
                return batch, True
            batch.append(following)
            weight += len(following.job.ids)
        return batch, False

    def _serve(self, batch: list[_Queued]) -> None:
        try:
            results, checkpoint = self._transact(batch)
        except _UnwritableError:
            for queued in batch:
                queued.future.set_exception(_busy())
        except Exception as error:
            if len(batch) > 1:
                for queued in batch:
                    self._serve([queued])
                return
            batch[0].future.set_exception(_named(error))
        else:
            for queued, result in zip(batch, results, strict=True):
                if isinstance(result, Problem):
                    queued.future.set_exception(result)
                else:
                    queued.future.set_result(Committed(result, checkpoint))

    def _transact(self, batch: list[_Queued]) -> tuple[list[Any], str]:
        with self._begun() as (connection, begun):
            try:
                transaction = Transaction(connection)
                transaction.prepare(
                    [queued.job.claim for queued in batch if queued.job.claim is not None],
                    list({record_id for queued in batch for record_id in queued.job.ids}),
                )
                results = [_apply(queued.job, transaction) for queued in batch]
                checkpoint = transaction.flush(self._sign)
            except BaseException:
                begun.rollback()
                raise
            try:
                begun.commit()
            except SQLAlchemyError as error:
                # The connection may still be inside its transaction, and hold the lock: it is not used again.
                connection.invalidate()
                logger.error("commit_failed", error=type(error).__name__)
                raise _UnwritableError from error
        return results, checkpoint

    @contextmanager
    def _begun(self) -> Iterator[tuple[Connection, RootTransaction]]:
        """A transaction of this process's turn. Where none can be had, each job alone would wait for it in vain."""
        with ExitStack() as held:
            try:
                held.enter_context(self._database.turn())
                connection = held.enter_context(self._database.writer.connect())
                begun = connection.begin()
            except (SQLAlchemyError, OSError, Problem) as error:
                logger.error("write_impossible", error=type(error).__name__)
                raise _UnwritableError from error
            yield connection, begun


def _apply(job: Job[Any], transaction: Transaction) -> Any:
    try:
        if transaction.halted is not None and not job.even_halted:
            raise Problem(Code.BUSY, HALTED, retry_after=HALTED_SECONDS)
        if job.claim is not None and not transaction.claim(job.claim):
            raise Problem(Code.REPLAYED, "this nonce was used before")
        return job.apply(transaction)
    except Problem as problem:
        return problem


def _busy() -> Problem:
    return Problem(Code.BUSY, "the database cannot be written now; nothing is lost by a retry", retry_after=5)


def _named(error: Exception) -> Exception:
    if isinstance(error, SQLAlchemyError | OSError):
        logger.error("write_failed", error=type(error).__name__)
        return _busy()
    return error
