"""Old checkpoints, genuine and public, that somebody without any key shows again: they cut nobody off."""

from __future__ import annotations

from dataclasses import dataclass

import pytest
from liars import answer_with
from neighbours import Federation, Member, Reply
from partner import ORDOS, XINZHOU, YULIN, World

from hub.errors import Code, Problem
from hub.federation import statement as statements
from hub.federation.statement import Statement
from hub.log import entry as entries
from hub.log.checkpoint import Checkpoint, open_checkpoint, submission
from hub.log.note import sign_note, signature_line, split_note
from hub.log.tile import consistency_proof, prefix_root
from hub.standing import bare
from hub.store import Job
from hub.witness import WitnessAnswer


def grow(world: World, count: int = 1) -> None:
    yulin = world.partner(YULIN)
    yulin.deliver(*(yulin.record(to=(XINZHOU,)) for _ in range(count)))


# -- the beginning of the same log -------------------------------------------------------------------------


def test_a_stale_answer_on_the_way_is_tried_again(nodes: Federation) -> None:
    first, second, _ = nodes
    old = first.world.node.exchange.checkpoint()
    grow(first.world)
    second.round(first)
    link = second.link(first)
    link.lie("/log/checkpoint", answer_with(old.encode()), signed=False)
    problem = second.refusal(first)
    assert problem.code is Code.BUSY
    assert "an old checkpoint" in problem.detail
    assert (second.state(first).cut_at, second.accusations(first)) == (None, [])
    link.tell_the_truth()
    yulin = first.world.partner(YULIN)
    yulin.deliver(yulin.record(to=(ORDOS,)))
    assert second.round(first).new == 1


def test_an_answer_that_the_node_did_not_sign_confirms_nothing(nodes: Federation) -> None:
    first, second, _ = nodes
    old = first.world.node.exchange.checkpoint()
    grow(first.world)
    second.round(first)
    link = second.link(first)
    link.lie("/log/checkpoint", answer_with(old.encode()), signed=False)

    def replace_page(reply: Reply) -> None:
        reply.body = reply.body.replace(b'"more":false', b'"more": false')

    link.lie("/v1/records", replace_page, signed=False)
    assert second.refusal(first).code is not Code.CONFLICT
    assert second.state(first).cut_at is None


# -- a history that was given up ---------------------------------------------------------------------------


@dataclass
class Epochs:
    """A node that goes on from a backup, and one that was told so by its statement."""

    old: World
    new: World
    first: Member
    second: Member
    abandoned: str
    between: str
    """Of the old history, too, but smaller: no statement names it."""

    def submit(self, note: str, old: int = 0) -> WitnessAnswer:
        proof = []
        if old:
            proof = consistency_proof(old, size_of(note), self.new.node.exchange.tile)
        return self._ask(submission(old, proof, note))

    def replay(self, note: str, old: int) -> WitnessAnswer:
        """As somebody who has no proof."""
        return self._ask(submission(old, (), note))

    def _ask(self, request: bytes) -> WitnessAnswer:
        return self.second.world.node.witness.add_checkpoint(request, self.second.world.clock())

    def shown(self) -> str:
        return self.new.node.exchange.checkpoint()

    def check_in_order(self) -> None:
        assert self.second.state(self.first).cut_at is None
        assert self.second.accusations(self.first) == []


def size_of(note: str) -> int:
    return Checkpoint.parse(split_note(note)[0]).size


@pytest.fixture
def epochs(nodes: Federation) -> Epochs:
    first, second, _ = nodes
    twin = nodes.twin(first)
    grow(first.world, 2)
    between = first.world.node.exchange.checkpoint()
    grow(first.world, 2)
    abandoned = first.world.node.exchange.checkpoint()
    made = Epochs(first.world, twin, first, second, abandoned, between)
    second.round(first)
    assert made.submit(abandoned).status == 200
    node = twin.node
    at, reason, size = "2026-11-22T09:00:00.000+08:00", "disk", node.store.head().size
    note = bare(abandoned, node.log_verifier)
    line = entries.epoch(at=at, abandoned=note, basis=reason)
    node.store.write(Job(lambda transaction: transaction.append(line)))
    root = prefix_root(size, size + 1, node.exchange.tile)
    said = Statement(node.config.name, size, root, (note,), reason, at)
    text = sign_note(said.text, [signature_line(node.config.name, node._log_key, said.text)])
    verified = statements.verify(text, second.world.node.trust())
    second.neighbourhood().readmit(first.name, anew=True, stated=verified.stated)
    second.links[first.name].peer = twin
    return made


def test_what_was_given_up_is_neither_cosigned_nor_evidence(epochs: Epochs) -> None:
    for _ in range(2):
        assert epochs.submit(epochs.abandoned).status == 403
        with pytest.raises(Problem) as unsettled:
            epochs.submit(epochs.between)
        assert unsettled.value.code is Code.BUSY, "which history it is of only a round can say"
        epochs.check_in_order()
    epochs.second.round(epochs.first)
    assert epochs.submit(epochs.abandoned).status == 403
    assert epochs.submit(epochs.between).status == 409
    epochs.check_in_order()


def test_the_new_history_is_cosigned_on_from_what_was_folded_of_it(epochs: Epochs) -> None:
    epochs.second.round(epochs.first)
    folded = size_of(epochs.shown())
    told = epochs.submit(epochs.shown())
    assert (told.status, told.text) == (409, f"{folded}\n")
    assert epochs.submit(epochs.shown(), folded).status == 200
    last = folded
    while size_of(epochs.shown()) < size_of(epochs.abandoned) + 2:
        assert epochs.submit(epochs.shown(), last).status == 200
        last = size_of(epochs.shown())
        for note in (epochs.abandoned, epochs.between):
            for old in {0, min(last, size_of(note))}:
                assert epochs.replay(note, old).status in {403, 409, 422}
        epochs.second.round(epochs.first)
        epochs.check_in_order()
        grow(epochs.new)


@pytest.mark.parametrize("which", ["abandoned", "between"])
@pytest.mark.parametrize("folded", [False, True])
def test_a_round_that_is_shown_the_old_history_is_tried_again(
    epochs: Epochs, which: str, folded: bool
) -> None:
    """Somebody on the way has kept all of it: checkpoint and tiles."""
    if folded:
        epochs.second.round(epochs.first)
    link = epochs.second.link(epochs.first)
    note: str = getattr(epochs, which)
    link.lie("/log/checkpoint", answer_with(note.encode()), signed=False)

    def old_tile(reply: Reply) -> None:
        asked = link.asked[-1].removeprefix("/")
        answer = epochs.old.send("GET", f"/{asked}", None, {})
        reply.status, reply.body = answer.status, answer.content

    link.lie("/log/tile/", old_tile, signed=False)
    assert epochs.second.refusal(epochs.first).code is Code.BUSY
    epochs.check_in_order()
    assert epochs.second.received() == []
    link.tell_the_truth()
    epochs.second.round(epochs.first)
    epochs.check_in_order()


def test_a_fork_of_the_new_history_still_cuts_it_off(nodes: Federation, epochs: Epochs) -> None:
    grow(epochs.new, 6)
    epochs.second.round(epochs.first)
    assert size_of(epochs.shown()) > size_of(epochs.abandoned)
    grow(epochs.old, 20)
    epochs.second.link(epochs.first).peer = epochs.old
    assert epochs.second.refusal(epochs.first).code is Code.CONFLICT
    assert epochs.second.state(epochs.first).cut_at is not None


def test_a_log_that_is_folded_anew_without_a_statement_need_not_show_an_older_ones_place(
    epochs: Epochs,
) -> None:
    epochs.second.store.write(
        Job(lambda transaction: transaction.neighbours.cut(epochs.first.name, "2026-11-22T09:00:00Z", "fork"))
    )
    epochs.second.neighbourhood().readmit(epochs.first.name, anew=True)
    held = epochs.second.store.ask(lambda neighbours: neighbours.given_up(epochs.first.name))
    assert [each.leaf for each in held.stated] == [None]
    assert held.names(open_checkpoint(epochs.abandoned, epochs.new.node.log_verifier).checkpoint)
    epochs.second.round(epochs.first)
    assert epochs.submit(epochs.abandoned).status == 403
