"""The witness over HTTP: each status to the letter, whoever asks and whatever is sent (C2SP tlog-witness)."""

from __future__ import annotations

import io
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from neighbour import Neighbour, key_of, written
from partner import Answer, World, open_world
from waiting import until

from hub.errors import Code, Problem
from hub.federation import evidence
from hub.log.checkpoint import add_cosignatures, cosign, open_checkpoint, sign_checkpoint
from hub.log.entry import Equivocation
from hub.log.note import VerifierKey
from hub.log.verifier import LogReport
from hub.node import Node
from hub.store import Job, Store
from hub.store.neighbours import Neighbours, PeerState
from hub.web import witness as endpoint
from hub.web.application import create_application
from hub.witness import REQUEST_BYTES
from keys.files import read_passphrase, write_private
from keys.suite import generate_signing, signing_key_from_raw

PATH = "/witness/add-checkpoint"
PLAIN = "text/plain; charset=utf-8"
DOCUMENTED = {200, 400, 403, 404, 409, 413, 422}

Ask = Callable[[bytes], Answer]


@pytest.fixture
def ask(world: World) -> Ask:
    return lambda body: world.send("POST", PATH, body, {})


@pytest.fixture
def log(world: World) -> Neighbour:
    """The other node's log."""
    return Neighbour.of(world).grow(300)


def witness_of(world: World) -> VerifierKey:
    return VerifierKey.parse(world.described.witness)


def held(world: World, log: Neighbour) -> int | None:
    found = world.node.store.ask(lambda neighbours: neighbours.witnessed(log.name))
    return None if found is None else found.size


def refused(answer: Answer, status: int) -> str:
    """The words of a refusal: one line of plain text."""
    assert (answer.status, answer.headers["Content-Type"]) == (status, PLAIN)
    text = answer.content.decode()
    assert text.endswith("\n") and text.count("\n") == 1
    return text


def told(answer: Answer) -> int:
    """The size that a 409 names."""
    assert (answer.status, answer.headers["Content-Type"]) == (409, "text/x.tlog.size")
    assert answer.content.endswith(b"\n")
    return int(answer.content)


# -- what is cosigned ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("old", "size"), [(0, 1), (1, 2), (2, 3), (7, 8), (255, 256), (256, 257), (100, 300)]
)
def test_a_log_that_only_grew_is_cosigned_now(
    world: World, ask: Ask, log: Neighbour, old: int, size: int
) -> None:
    if old:
        assert ask(log.request(0, old)).status == 200
    answer = ask(log.request(old, size))
    assert (answer.status, answer.headers["Content-Type"]) == (200, PLAIN)
    note = add_cosignatures(log.note(size), [answer.content.decode()])
    verified = open_checkpoint(note, VerifierKey.parse(world.lab.nodes[1].log), [witness_of(world)])
    (cosignature,) = verified.cosignatures
    assert abs(cosignature.time - world.clock().timestamp()) < 60
    assert held(world, log) == size


def test_the_answer_bears_no_signature_of_the_node(ask: Ask, log: Neighbour) -> None:
    assert "Signature" not in ask(log.request(0)).headers


def test_the_same_checkpoint_is_cosigned_again_and_nothing_is_written(
    world: World, ask: Ask, log: Neighbour, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert ask(log.request(0)).status == 200
    monkeypatch.setattr(Store, "write", lambda *_: pytest.fail("a repetition needs no transaction"))
    assert ask(log.request(300)).status == 200


def test_an_empty_log_is_cosigned(world: World, ask: Ask) -> None:
    assert ask(Neighbour.of(world).request(0)).status == 200


def test_what_is_signed_is_our_own_encoding_under_lines_of_strangers(
    world: World, ask: Ask, log: Neighbour
) -> None:
    """Lines of others that came along are neither believed, nor answered, nor kept."""
    stranger = cosign(log.checkpoint(), "stranger.example", signing_key_from_raw(b"s" * 32), 1)
    note = add_cosignatures(log.note(), [stranger])
    answer = ask(written(0, [], note))
    assert answer.status == 200
    assert answer.content.count(b"\n") == 1
    kept = world.node.store.ask(lambda neighbours: neighbours.witnessed(log.name))
    assert kept is not None and kept.checkpoint == log.note()


def test_it_holds_what_it_cosigned_over_a_restart(world: World, ask: Ask, log: Neighbour) -> None:
    assert ask(log.request(0, 10)).status == 200
    world.node.close()
    world.node = Node(world.node.config, world.clock)
    world.application = create_application(world.node)
    assert told(ask(log.request(0))) == 10
    assert ask(log.request(10)).status == 200


# -- what is refused -------------------------------------------------------------------------------------


def test_another_old_size_is_answered_with_the_one_that_is_held(ask: Ask, log: Neighbour) -> None:
    assert told(ask(log.request(5))) == 0
    assert ask(log.request(0, 20)).status == 200
    for old in (0, 19, 21):
        assert told(ask(log.request(old))) == 20
    assert told(ask(log.request(3, 10))) == 20, "a smaller checkpoint is no way back"


def test_an_old_size_above_the_checkpoints_is_refused(ask: Ask, log: Neighbour) -> None:
    refused(ask(written(301, [], log.note())), 400)


def test_an_unknown_log_is_refused(ask: Ask, log: Neighbour) -> None:
    refused(ask(Neighbour("610600.stranger", log.key, log.leaves).request(0)), 404)


def test_a_node_never_cosigns_its_own_log(world: World, ask: Ask) -> None:
    note = world.node.exchange.checkpoint()
    refused(ask(written(0, [], note)), 404)


def test_a_checkpoint_that_its_log_did_not_sign_is_refused(world: World, ask: Ask, log: Neighbour) -> None:
    for number, use in ((1, "witness"), (1, "node"), (0, "log")):
        refused(ask(Neighbour(log.name, key_of(world, number, use), log.leaves).request(0)), 403)


def test_a_signature_of_the_log_that_fails_is_refused(ask: Ask, log: Neighbour) -> None:
    altered = log.note().replace("\n300\n", "\n301\n")
    refused(ask(written(0, [], altered)), 403)


def test_a_log_whose_node_has_left_the_trust_list_is_refused(
    open_a_world: Callable[..., World],
) -> None:
    world = open_a_world()
    log = Neighbour.of(world).grow(3)
    request = log.request(0)
    other = "610600.renamed"

    def rename(trust_list: dict[str, Any], _agreements: dict[str, Any]) -> None:
        node = next(each for each in trust_list["nodes"] if each["name"] == log.name)
        node["name"] = other
        for use in ("log", "witness"):
            key = VerifierKey.parse(node[use])
            node[use] = str(VerifierKey(other, key.type, key.key))
        for city in trust_list["cities"]:
            city["node"] = other if city["node"] == log.name else city["node"]

    renamed = open_a_world(change=rename)
    assert world.send("POST", PATH, request, {}).status == 200
    refused(renamed.send("POST", PATH, request, {}), 404)


@pytest.mark.parametrize(
    "harm",
    [
        lambda proof: proof[:-1],
        lambda proof: proof[1:],
        lambda proof: [*proof, proof[0]],
        lambda proof: proof[::-1],
        lambda proof: [bytes(32), *proof[1:]],
        lambda _proof: [],
    ],
    ids=["short", "headless", "long", "reversed", "changed", "none"],
)
def test_a_proof_that_does_not_hold_is_refused(
    world: World, ask: Ask, log: Neighbour, harm: Callable[[list[bytes]], list[bytes]]
) -> None:
    assert ask(log.request(0, 100)).status == 200
    refused(ask(written(100, harm(log.proof(100)), log.note())), 422)
    assert held(world, log) == 100


def test_hashes_that_nothing_needs_are_refused(ask: Ask, log: Neighbour) -> None:
    refused(ask(written(0, [bytes(32)], log.note())), 422)
    assert ask(log.request(0)).status == 200
    refused(ask(written(300, [bytes(32)], log.note())), 422)


def test_a_log_that_was_rewritten_before_what_is_held_is_refused(
    world: World, ask: Ask, log: Neighbour
) -> None:
    assert ask(log.request(0, 100)).status == 200
    refused(ask(log.forked(50).request(100)), 422)
    assert world.entries(Equivocation) == []


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"old 0",
        b"old 0\n\n",
        b"old 0\n",
        b"\n\n",
        b"old -1\n\n{note}",
        b"old 00\n\n{note}",
        b"old 0 \n\n{note}",
        b"old  0\n\n{note}",
        b"Old 0\n\n{note}",
        b"0\n\n{note}",
        b"old \xd9\xa3\n\n{note}",
        b"old 9223372036854775808\n\n{note}",
        b"old 0\r\n\r\n{note}",
        b"old 0\n{note}",
        b"old 0\n\n\n{note}",
        b"old 0\nAAAA\n\n{note}",
        b"old 0\nnot base64\n\n{note}",
        b"old 0\n" + b"A" * 43 + b"\n\n{note}",
        b"old 0\n" + b"A" * 42 + b"B=\n\n{note}",
        b"old 0\n\n{note}\x00",
        b"old 0\n\n\xff{note}",
        b"{note}",
    ],
)
def test_another_form_is_refused(ask: Ask, log: Neighbour, body: bytes) -> None:
    refused(ask(body.replace(b"{note}", log.note().encode())), 400)


def test_a_checkpoint_with_more_lines_than_three_is_refused(ask: Ask, log: Neighbour) -> None:
    size, root = log.note().split("\n")[1:3]
    for text in (f"{log.name}\n{size}\n{root}\nmore\n", f"{log.name}\n{size}\n"):
        refused(ask(f"old 0\n\n{text}\n{log.note().splitlines()[-1]}\n".encode()), 400)


def test_more_than_63_hashes_are_refused(ask: Ask, log: Neighbour) -> None:
    refused(ask(written(0, [bytes(32)] * 63, log.note())), 422)
    refused(ask(written(0, [bytes(32)] * 64, log.note())), 400)


def test_a_long_body_is_refused_by_its_header_alone(world: World) -> None:
    class Unread(io.BytesIO):
        def read(self, *_size: object) -> bytes:
            pytest.fail("nothing of it should be read")

    with world.application.test_client() as client:
        announced = {"wsgi.input": Unread(), "CONTENT_LENGTH": str(REQUEST_BYTES + 1)}
        answer = client.post(PATH, environ_overrides=announced)
    assert answer.status_code == 413


def test_a_long_body_of_no_announced_length_is_read_to_the_limit_and_refused(world: World) -> None:
    taken: list[int] = []

    class Endless(io.RawIOBase):
        def read(self, size: int = -1) -> bytes:
            taken.append(size)
            return b"o" * size

    environ = {"wsgi.input": Endless(), "wsgi.input_terminated": True, "HTTP_TRANSFER_ENCODING": "chunked"}
    with world.application.test_client() as client:
        answer = client.post(PATH, environ_overrides=environ)
    assert answer.status_code == 413
    assert sum(taken) == REQUEST_BYTES + 1


def test_a_note_of_too_many_lines_is_refused(ask: Ask, log: Neighbour) -> None:
    line = cosign(log.checkpoint(), "stranger.example", signing_key_from_raw(b"s" * 32), 1)
    refused(ask(f"old 0\n\n{log.note()}{line * 64}".encode()), 413)


def test_an_expired_trust_list_is_told_and_nothing_is_cosigned(
    world: World, ask: Ask, log: Neighbour
) -> None:
    world.clock.advance(days=400)
    answer = ask(log.request(0))
    refused(answer, 503)
    assert answer.headers["Retry-After"] == "600"


def test_other_methods_find_nothing(world: World) -> None:
    for method in ("GET", "PUT", "HEAD", "OPTIONS"):
        assert world.send(method, PATH, None, {}).status == 404


def test_who_sends_slowly_holds_a_few_places_and_no_more(world: World, ask: Ask, log: Neighbour) -> None:
    let_go = threading.Event()
    waiting = threading.Semaphore(0)

    class Slow(io.RawIOBase):
        def read(self, _size: int = -1) -> bytes:
            waiting.release()
            assert let_go.wait(30)
            return b""

    def crawl() -> int:
        with world.application.test_client() as client:
            announced = {"wsgi.input": Slow(), "CONTENT_LENGTH": "100"}
            return client.post(PATH, environ_overrides=announced).status_code

    with ThreadPoolExecutor(endpoint.BODIES) as crawlers:
        try:
            slow = [crawlers.submit(crawl) for _ in range(endpoint.BODIES)]
            for _ in slow:
                assert waiting.acquire(timeout=30)
            busy = ask(log.request(0))
            refused(busy, 429)
            assert busy.headers["Retry-After"] == "2"
        finally:
            let_go.set()
        assert [each.result() for each in slow] == [400] * endpoint.BODIES
    assert ask(log.request(0)).status == 200


# -- races -----------------------------------------------------------------------------------------------


def test_of_two_checkpoints_from_one_old_size_one_wins(world: World, ask: Ask, log: Neighbour) -> None:
    assert ask(log.request(0, 10)).status == 200
    sizes = [200, 300, 201, 299]
    requests = [log.request(10, size) for size in sizes]
    begin = threading.Barrier(len(sizes))

    def race(body: bytes) -> Answer:
        begin.wait(30)
        return ask(body)

    with ThreadPoolExecutor(len(sizes)) as racers:
        answers = list(racers.map(race, requests))
    won = [size for size, answer in zip(sizes, answers, strict=True) if answer.status == 200]
    assert len(won) == 1
    assert {told(answer) for answer in answers if answer.status != 200} == {won[0]}
    assert held(world, log) == won[0]


def test_who_was_judged_before_another_was_stored_is_judged_again(
    world: World, ask: Ask, log: Neighbour, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Between the look and the transaction another process is faster."""
    write = Store.write

    def overtaken(store: Store, job: Job[Any]) -> Any:
        monkeypatch.setattr(Store, "write", write)
        assert ask(log.request(0, 250)).status == 200
        return write(store, job)

    monkeypatch.setattr(Store, "write", overtaken)
    assert told(ask(log.request(0, 240))) == 250
    assert held(world, log) == 250


def test_nothing_is_signed_where_nothing_is_on_disk(
    world: World, ask: Ask, log: Neighbour, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object) -> None:
        raise OSError("the disk is full")

    with monkeypatch.context() as failing:
        failing.setattr(Neighbours, "put_witnessed", broken)
        answer = ask(log.request(0))
    refused(answer, 503)
    assert b"\xe2\x80\x94" not in answer.content
    assert held(world, log) is None
    assert ask(log.request(0)).status == 200


# -- two histories ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("old", [0, 50, 300])
def test_two_roots_of_one_size_are_evidence_whatever_the_old_size(
    world: World, ask: Ask, log: Neighbour, old: int
) -> None:
    assert ask(log.request(0)).status == 200
    fork = log.forked(100)
    stranger = cosign(fork.checkpoint(), "stranger.example", signing_key_from_raw(b"s" * 32), 1)
    assert told(ask(written(old, [], add_cosignatures(fork.note(), [stranger])))) == 300
    (entry,) = world.entries(Equivocation)
    assert (entry.origin, entry.ours, entry.theirs) == (log.name, log.note(), fork.note())
    (kept,) = world.node.store.ask(lambda neighbours: neighbours.accusations(log.name))
    found = evidence.verify(kept.document, world.node.trust())
    assert (found.origin, found.kind, found.at, found.proven) == (log.name, "fork", kept.at, True)
    assert (found.ours.note, found.theirs.note) == (log.note(), fork.note())
    assert world.node.store.lines(kept.index, kept.index + 1)[0].decode().find('"equivocation"') > 0
    assert isinstance(world.verify(), LogReport)


def test_a_log_with_two_histories_is_cut_off_until_a_person_decides(
    world: World, ask: Ask, log: Neighbour
) -> None:
    assert ask(log.request(0)).status == 200
    fork = log.forked(100).request(0)
    assert told(ask(fork)) == 300
    for request in (log.request(300), log.grow(1).request(300)):
        refused(ask(request), 403)
    for other in (fork, log.forked(7).request(0, 300)):
        assert told(ask(other)) == 300, "it is told what is held, and no second entry is made"
    assert len(world.entries(Equivocation)) == 1
    assert world.node.store.ask(lambda neighbours: neighbours.peer(log.name)).cut_at is not None


def test_evidence_that_a_person_has_judged_does_not_cut_the_log_off_again(
    world: World, ask: Ask, log: Neighbour
) -> None:
    """Whoever keeps the two notes could else cut it off for ever."""
    assert ask(log.request(0)).status == 200
    fork = log.forked(100).request(0)
    assert told(ask(fork)) == 300
    world.node.store.write(Job(lambda transaction: transaction.neighbours.put_peer(PeerState(log.name))))
    assert told(ask(fork)) == 300
    assert ask(log.grow(1).request(300)).status == 200
    assert len(world.entries(Equivocation)) == 1


def test_a_fork_that_its_log_did_not_sign_accuses_nobody(world: World, ask: Ask, log: Neighbour) -> None:
    assert ask(log.request(0)).status == 200
    fork = log.forked(100)
    forged = sign_checkpoint(fork.checkpoint(), signing_key_from_raw(b"f" * 32))
    refused(ask(written(300, [], forged)), 403)
    assert world.entries(Equivocation) == []
    assert ask(log.request(300)).status == 200


def test_many_who_bring_the_same_fork_at_once_make_one_entry(world: World, ask: Ask, log: Neighbour) -> None:
    assert ask(log.request(0)).status == 200
    fork = log.forked(100).request(0)
    with ThreadPoolExecutor(4) as many:
        statuses = [answer.status for answer in many.map(ask, [fork] * 8)]
    assert set(statuses) <= {409, 429}
    assert len(world.entries(Equivocation)) == 1


# -- whatever is sent ------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def shared(
    lab_template: tuple[Any, Any], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[World, Neighbour]]:
    """A witness that holds 20 entries of the other log."""
    world = open_world(*lab_template, tmp_path_factory.mktemp("witness") / "lab")
    log = Neighbour.of(world).grow(40)
    assert world.send("POST", PATH, log.request(0, 20), {}).status == 200
    yield world, log
    world.node.close()


@st.composite
def hostile(draw: st.DrawFn, log: Neighbour) -> bytes:
    """A request that is nearly right: lines left out, doubled, swapped or changed, bytes flipped."""
    size = draw(st.integers(0, 40))
    old = draw(st.integers(0, size))
    lines = log.request(old, size).decode().split("\n")
    for _ in range(draw(st.integers(1, 4))):
        at = draw(st.integers(0, len(lines) - 1))
        match draw(st.sampled_from(["drop", "double", "swap", "text", "number"])):
            case "drop":
                del lines[at]
                lines = lines or [""]
            case "double":
                lines.insert(at, lines[at])
            case "swap":
                to = draw(st.integers(0, len(lines) - 1))
                lines[at], lines[to] = lines[to], lines[at]
            case "text":
                lines[at] = draw(st.text(max_size=80))
            case "number":
                lines[at] = f"old {draw(st.integers(-(2**64), 2**64))}"
    body = bytearray("\n".join(lines).encode(errors="surrogatepass"))
    if body and draw(st.booleans()):
        body[draw(st.integers(0, len(body) - 1))] ^= draw(st.integers(1, 255))
    return bytes(body)


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_whatever_is_sent_a_documented_status_comes_back(
    shared: tuple[World, Neighbour], data: st.DataObject
) -> None:
    world, log = shared
    body = data.draw(st.one_of(hostile(log), st.binary(max_size=400)))
    answer = world.send("POST", PATH, body, {})
    assert answer.status in DOCUMENTED
    before = held(world, log)
    assert before is not None and before >= 20
    if answer.status == 200:
        (line,) = answer.content.decode().splitlines(keepends=True)
        note = add_cosignatures(log.note(before), [line])
        key = VerifierKey.parse(world.lab.nodes[1].log)
        assert open_checkpoint(note, key, [witness_of(world)]).cosignatures, "only what is held is cosigned"
    assert world.entries(Equivocation) == []


def test_an_accusation_is_told_to_the_operator(
    world: World, ask: Ask, log: Neighbour, capsys: pytest.CaptureFixture[str]
) -> None:
    assert ask(log.request(0)).status == 200
    assert ask(log.forked(100).request(0)).status == 409
    until(lambda: "equivocation" in capsys.readouterr().out)


def test_a_node_whose_witness_key_is_not_the_listed_one_does_not_start(world: World, tmp_path: Path) -> None:
    """A log's key in its place would even verify, and count twice."""
    config = world.node.config
    fresh = tmp_path / "witness.pem"
    write_private(fresh, generate_signing(), read_passphrase(config.passphrase_file, {}))
    for path in (fresh, config.log_key, config.node_key):
        with pytest.raises(Problem) as refused:
            Node(replace(config, witness_key=path))
        assert refused.value.code is Code.UNKNOWN_KEY
        assert "witness" in refused.value.detail
