"""Three nodes under load, links cut and healed and nodes killed at random: afterwards every record is where it belongs.

The systems of six cities push cases and alerts, pull, and acknowledge (`cities.py`), while links between the nodes are
cut and stalled and nodes killed (`hub/lab/chaos.py`). Then all is mended, the cities come to their end, and

1. the nodes come into sync: each has folded all of each other's log, and both others have cosigned each log;
2. every acknowledged record is pulled by each of its recipients from the beginning, exactly once, receipts verified;
   nothing comes that was refused or never sent (`reckoning.py`);
3. each log verifies as a whole, over HTTP as an auditor sees it, with the quorum of cosignatures, and holds each record
   once, where that was answered;
4. what a recipient acknowledged is marked where it came from; no peer is cut off, there is no evidence, and no node
   ended by itself or told of an error in its log lines.

The nodes run in three network namespaces where the machine lets us have them (`netspaces.py`), else behind relays on
three loopback addresses. The seed says what is done, by whom and to whom; when an answer comes is up to the machine.
"""

from __future__ import annotations

import os
import random
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from itertools import permutations
from multiprocessing import get_context
from operator import methodcaller
from pathlib import Path
from typing import Any, Final

import orjson

from bench import netspaces
from bench.catalogue import Settings
from bench.cities import City, work
from bench.kept import KeptLog
from bench.netspaces import Netspaces
from bench.progress import progress
from bench.reckoning import Finding, Reckoning
from bench.result import Bar, Result
from bench.sandbox import database
from hub.client import Client
from hub.clock import utc_now
from hub.config import read_config
from hub.cursor import Passing
from hub.errors import Problem
from hub.lab.building import Lab, LabNode, build, relayed
from hub.lab.chaos import Chaos, Deed, Trial
from hub.lab.running import RunningLab
from hub.log.checkpoint import Checkpoint, sign_checkpoint
from hub.log.note import VerifierKey
from hub.log.verifier import verify_log
from hub.store import Store
from keys.files import read_passphrase, read_signing
from keys.trust_list import Trust
from keys.trust_repository import open_trust_once

CITIES: Final = ("610800", "150600", "141100", "640300", "621000", "150200")
NODES: Final = tuple(f"{city}.exchange" for city in CITIES[:3])
SECONDS: Final = 300.0
QUICK_SECONDS: Final = 30.0
SYNC_SECONDS: Final = 240.0
QUICK_SYNC_SECONDS: Final = 90.0
"""How long the nodes are given to come into sync."""
AGAIN_SECONDS: Final = 20.0
"""And once more, where they did not."""
ENDING_SECONDS: Final = 120.0
LOOK_SECONDS: Final = 0.5
PROBLEMS_TOLD: Final = 20


def run(settings: Settings, bar: Bar) -> Result:
    if not settings.loopback and netspaces.possible():
        return netspaces.own_network(_in_namespaces, settings, bar)
    trial = _Trial(settings, "three loopback addresses", relayed)
    return trial.run(bar, RunningLab(trial.folder, trial.lab), None)


def _in_namespaces(settings: Settings, bar: Bar) -> Result:
    with Netspaces(NODES) as spaces:
        trial = _Trial(settings, "three network namespaces", spaces.place)
        return trial.run(bar, RunningLab(trial.folder, trial.lab, spaces.before), spaces)


class _Nodes:
    """The lab's nodes and the links between them, wherever those are cut."""

    def __init__(self, running: RunningLab, links: Netspaces | None) -> None:
        self._running = running
        self._links = running if links is None else links
        self.kill, self.revive = running.kill, running.revive
        self.cut, self.heal = self._links.cut, self._links.heal


@dataclass(frozen=True, slots=True)
class _Pulled:
    """What a city was given from the beginning: digests in order, and numbers of its stream that were left out."""

    city: str
    digests: list[str]
    skipped: int


class _Trial:
    """One run, in one folder."""

    def __init__(self, settings: Settings, where: str, places: Any) -> None:
        self._where = where
        self._seconds, self._patience = (
            (QUICK_SECONDS, QUICK_SYNC_SECONDS) if settings.quick else (SECONDS, SYNC_SECONDS)
        )
        self._engine = settings.engine
        self._seed = int.from_bytes(os.urandom(4)) if settings.seed is None else settings.seed
        self._stack = ExitStack()
        url = self._stack.enter_context(database(settings.engine, settings.folder))
        self.folder = settings.folder / "lab"
        self.lab: Lab = build(self.folder, CITIES, len(NODES), url, utc_now(), places)
        self._trust: Trust = open_trust_once(self.folder / "trust", utc_now())
        self._keys = {each["city"]: Path(each["key"]) for each in self.lab.systems}
        self._hosts = {city: node.name for node in self.lab.nodes for city in node.cities}
        self._died: Counter[str] = Counter()
        self._problems: list[str] = []

    def run(self, bar: Bar, running: RunningLab, links: Netspaces | None) -> Result:
        with self._stack:
            try:
                return self._run(bar, running, links)
            except Exception as error:
                error.add_note(f"seed {self._seed}\n{self._last_words()}")
                raise

    def _run(self, bar: Bar, running: RunningLab, links: Netspaces | None) -> Result:
        with progress("partition", round(self._seconds)) as advance, running:
            with self._under_way() as ended:
                deeds = self._trouble(running, _Nodes(running, links), advance)
                running.wait_ready()
                ending = ended()
            in_sync = self._await_sync(quorum=False)
            reckoning = Reckoning.of(each.journal for each in self._cities())
            finding, skipped = Finding(), reckoning.skipped
            for pulled in self._pull_all():
                skipped += pulled.skipped
                finding.hold(pulled.city, reckoning.due(pulled.city), pulled.digests, reckoning.refused)
            cosigned = self._await_sync(quorum=True)
            entries = {node.name: self._verify(node, reckoning, finding) for node in self.lab.nodes}
            unmarked = self._unmarked(reckoning)
            self._look_for_evidence()
            self._note_died(running)
        logged = self._logged()
        figures = {
            "seed": self._seed,
            "nodes_in": self._where,
            "engine": self._engine,
            "trouble_s": self._seconds,
            "deeds": Counter(deed.what for deed in deeds),
            "acknowledged": len(reckoning.sent),
            "acknowledgements_of_records": len(reckoning.answers),
            "refused_as_they_must_be": len(reckoning.refused),
            "tried_again": reckoning.failures,
            "doubled": len(finding.doubled),
            "refused_and_yet_there": len(finding.refused),
            "never_sent": len(finding.strange),
            "without_an_answer": len(reckoning.unanswered),
            "numbers_left_out": skipped,
            "unmarked_acknowledgements": unmarked,
            "cities_ended_s": round(ending, 1),
            "in_sync_s": round(in_sync, 1),
            "cosigned_s": round(cosigned, 1),
            "entries_verified": entries,
            "ended_by_themselves": self._died,
            "problems": list(dict.fromkeys(reckoning.wrongs + self._problems))[:PROBLEMS_TOLD],
            "logged": logged,
        }
        sound = finding.sound and not (
            reckoning.unanswered or skipped or unmarked or self._died or reckoning.wrongs or self._problems
        )
        lost = len({digest for _, digest in finding.lost})
        return Result("partition", lost, bar, figures, sound=sound and bool(reckoning.sent))

    # -- load and trouble ----------------------------------------------------------------------------

    def _cities(self) -> list[City]:
        agreement = self.lab.agreements[0]["id"]
        return [
            City(
                code,
                tuple(other for other in CITIES if other != code),
                self._hosts[code],
                agreement,
                self._keys[code],
                self.folder / "trust",
                self.folder,
                self._seed,
            )
            for code in CITIES
        ]

    @contextmanager
    def _under_way(self) -> Iterator[Callable[[], float]]:
        """The cities' systems at work. What is given ends them, once all is answered; the seconds that it took."""
        spawn = get_context("spawn")
        stop, end = spawn.Event(), spawn.Event()
        processes = [
            spawn.Process(target=work, args=(city, stop, end), daemon=True) for city in self._cities()
        ]

        def ended() -> float:
            began = time.monotonic()
            stop.set()
            end.set()
            for process in processes:
                process.join(max(0.1, began + ENDING_SECONDS - time.monotonic()))
                if process.exitcode != 0:
                    self._problems.append(f"a city's systems ended with {process.exitcode}")
            return time.monotonic() - began

        try:
            with netspaces.supervising():
                for process in processes:
                    process.start()
            yield ended
        finally:
            for process in processes:
                if process.is_alive():
                    process.kill()
                process.join()

    def _trouble(self, running: RunningLab, nodes: Trial, advance: Callable[[int], None]) -> list[Deed]:
        shown = 0.0

        def pause(seconds: float) -> None:
            """Wait, with an eye on nodes that end by themselves: they are started again, and told of in the end."""
            nonlocal shown
            until = time.monotonic() + seconds
            while time.monotonic() < until:
                self._note_died(running)
                time.sleep(min(LOOK_SECONDS, max(0.0, until - time.monotonic())))
            shown += seconds
            advance(int(shown))
            shown -= int(shown)

        chance = random.Random(f"{self._seed} chaos")
        return Chaos(nodes, NODES, chance, pause=pause).run(self._seconds, lambda _deed: None)

    def _note_died(self, running: RunningLab) -> None:
        for name in running.died():
            self._died[name] += 1
            running.kill(name)
            running.revive(name)

    # -- into sync -----------------------------------------------------------------------------------

    def _await_sync(self, *, quorum: bool) -> float:
        """Wait until every node has all of every other and, with `quorum`, every log is cosigned; the seconds."""
        began = time.monotonic()
        with ExitStack() as opened:
            stores = {node.name: opened.enter_context(self._store(node)) for node in self.lab.nodes}
            while True:
                behind = self._behind(stores, quorum=quorum)
                if not behind:
                    return time.monotonic() - began
                if time.monotonic() - began > self._patience:
                    self._problems.append(f"not in sync after {self._patience:g} s: {'; '.join(behind)}")
                    self._patience = AGAIN_SECONDS
                    return time.monotonic() - began
                time.sleep(LOOK_SECONDS)

    def _behind(self, stores: Mapping[str, Store], *, quorum: bool) -> list[str]:
        """Who is not in sync with whom, and why."""
        heads = {name: store.head() for name, store in stores.items()}
        behind = []
        for one, other in permutations(stores, 2):
            state = stores[one].ask(methodcaller("peer", other))
            if state.done_at is None or state.failures or state.frontier.size != heads[other].size:
                folded = f"{state.frontier.size} of {heads[other].size}"
                behind.append(f"{one} has {folded} of {other}, {state.failures} failures ({state.problem})")
        for name, head in heads.items():
            lines = stores[name].ask(methodcaller("cosigned", head.size))
            if quorum and len(lines) < self._trust.quorum:
                behind.append(f"{name} has {len(lines)} cosignatures at {head.size}")
        return behind

    @contextmanager
    def _store(self, node: LabNode) -> Iterator[Store]:
        config = read_config(self.folder / "nodes" / node.name / "hub.toml")
        key = read_signing(config.log_key, read_passphrase(config.passphrase_file, {}))

        def sign(checkpoint: Checkpoint) -> str:
            return sign_checkpoint(checkpoint, key)

        store = Store.open(config.database, node.name, sign)
        try:
            yield store
        finally:
            store.close()

    # -- what is there -------------------------------------------------------------------------------

    def _pull_all(self) -> list[_Pulled]:
        with netspaces.supervising(), ProcessPoolExecutor(os.cpu_count(), get_context("spawn")) as pullers:
            return list(pullers.map(pull, self._cities()))

    def _verify(self, node: LabNode, reckoning: Reckoning, finding: Finding) -> int:
        """A node's log as a whole, and what it says of every record; how many entries there are."""
        client = Client(self._trust, node.name, read_signing(Path(self.lab.auditors[0]["key"]), None))
        log = KeptLog(client)
        witnesses = [VerifierKey.parse(other.witness) for other in self.lab.nodes if other is not node]
        try:
            report = verify_log(
                log, VerifierKey.parse(node.log), witnesses=witnesses, quorum=self._trust.quorum
            )
        except Problem as problem:
            self._problems.append(f"the log of {node.name} does not verify: {problem}")
            return 0
        finally:
            client.close()
        if report.types.get("equivocation"):
            self._problems.append(f"the log of {node.name} accuses a peer")
        finding.hold_log(node.name, reckoning.logged(node.cities), log.lines, reckoning.refused)
        for each in reckoning.sent.values():
            if each.sender in node.cities and f'"digest":"{each.digest}"'.encode() not in log.lines.get(
                each.index, b""
            ):
                finding.lost.add((f"{node.name} at {each.index}", each.digest))
        return report.size

    def _unmarked(self, reckoning: Reckoning) -> int:
        """How many acknowledgements are not marked where the record came from."""
        unmarked = 0
        with ExitStack() as opened:
            stores = {node.name: opened.enter_context(self._store(node)) for node in self.lab.nodes}
            for answer in reckoning.answers:
                of = reckoning.sent.get(answer.of)
                if of is None:
                    self._problems.append(f"{answer.by} acknowledged a record that nobody sent")
                    continue
                held = stores[self._hosts[of.sender]].delivery(of.index, of.digest, [answer.by])
                unmarked += [each.outcome for each in held] != [answer.outcome]
        return unmarked

    def _look_for_evidence(self) -> None:
        for node in self.lab.nodes:
            with self._store(node) as store:
                states, kept = store.ask(
                    lambda neighbours: (neighbours.all_peers(), neighbours.accusations())
                )
            self._problems += [
                f"{node.name} has evidence against {each.origin}: {each.kind}" for each in kept
            ]
            self._problems += [f"{node.name} has cut {each.name} off" for each in states if each.cut_at]

    # -- what the nodes said -------------------------------------------------------------------------

    def _logged(self) -> Counter[str]:
        """What the nodes' own log lines tell of that is no matter of course, by event, code and error."""
        told: Counter[str] = Counter()
        for node in self.lab.nodes:
            for line in self._said(node):
                try:
                    said = orjson.loads(line)
                except ValueError:
                    told["(no log line)"] += 1
                    continue
                if said.get("level") in ("warning", "error"):
                    parts = (said.get(name) for name in ("event", "job", "code", "error"))
                    what = " ".join(str(each) for each in parts if each)
                    told[what] += 1
                    if said["level"] == "error":
                        self._problems.append(f"{node.name} said: {what}")
        return told

    def _said(self, node: LabNode) -> Sequence[bytes]:
        return (self.folder / "nodes" / node.name / "node.log").read_bytes().splitlines()

    def _last_words(self) -> str:
        lines = []
        for node in self.lab.nodes:
            told = [line for line in self._said(node) if b'"event":"request"' not in line]
            lines += [f"{node.name}: {line[:400].decode(errors='replace')}" for line in told[-100:]]
        return "\n".join(lines)


def pull(city: City) -> _Pulled:
    """Everything that a city's node has for it, each verified with its receipt."""
    digests, skipped = [], 0
    with city.client() as client:
        for arrival in client.pull(Passing()):
            digests.append(arrival.digest)
            skipped += arrival.skipped
    return _Pulled(city.code, digests, skipped)
