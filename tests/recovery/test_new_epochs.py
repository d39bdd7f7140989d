"""`hub recover epoch`: the log goes on from where the backup ends, says so, and peers decide by a signed statement."""

from __future__ import annotations

from pathlib import Path

import pytest
import wire
from partner import ORDOS, WUZHONG, XINZHOU, YULIN
from stations import Region, Said, Station
from test_old_backups import lose

from hub.client import Client, LogWentBackError
from hub.cursor import Passing
from hub.errors import Code, Problem
from hub.federation import statement as statements
from hub.log.checkpoint import open_checkpoint, submission
from hub.log.entry import Epoch
from hub.preflight import try_opening
from keys.files import read_signing

REASON = "磁盘损坏，由前一日备份恢复"


def begin(first: Station, name: str = "statement", *options: object) -> Said:
    arguments = options or ("--reason", REASON)
    return first.hub("recover", "epoch", "--out", first.folder / name, "--json", *arguments)


def fallen_back(first: Station, *others: Station) -> None:
    """A node on an old backup that has begun a new epoch, and runs."""
    backup = lose(first, *others)
    for other in others:
        other.round(first)
    first.set_back(backup)
    assert begin(first).code == 0
    first.start()


def test_the_log_goes_on_and_says_in_itself_what_it_gave_up(region: Region, first: Station) -> None:
    _, second, third = region
    backup = lose(first, second, third)
    published = open_checkpoint(first.node.store.head().checkpoint, first.node.log_verifier)
    first.node.remember()
    first.set_back(backup, forgetful=False)
    said = begin(first)
    assert (said.code, said.json["begun"], said.json["log_entries"]) == (0, True, 3)
    assert try_opening() is None
    first.start()
    (epoch,) = first.world.entries(Epoch)
    assert open_checkpoint(epoch.abandoned, first.node.log_verifier).checkpoint == published.checkpoint
    assert epoch.basis == REASON
    assert first.stand(second) and first.stand(third)
    yulin = first.partner(YULIN)
    yulin.deliver(yulin.record(to=(ORDOS,)))
    assert first.world.verify().streams == {ORDOS: 2}


def test_the_same_command_writes_the_same_statement_again(region: Region, first: Station) -> None:
    _, second, _ = region
    fallen_back(first, second)
    again = begin(first, "again")
    assert (again.code, again.json["begun"]) == (0, False)
    assert (first.folder / "again").read_bytes() == (first.folder / "statement").read_bytes()
    assert len(first.world.entries(Epoch)) == 1


def test_a_statement_lost_to_a_kill_is_written_again(
    region: Region, first: Station, monkeypatch: pytest.MonkeyPatch
) -> None:
    _, second, _ = region
    first.set_back(lose(first, second))

    def killed(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as fate:
        fate.setattr("hub.cli.recover.write_whole", killed)
        assert begin(first).code != 0
    assert not (first.folder / "statement").exists()
    assert begin(first, "statement", "--reason", "another").json["reason"] == REASON


def test_without_a_reason_or_a_need_there_is_no_epoch(region: Region, first: Station) -> None:
    _, second, _ = region
    refused = begin(first)
    assert refused.code == 1
    assert first.world.entries(Epoch) == []
    first.set_back(lose(first, second))
    assert first.hub("recover", "epoch", "--out", first.folder / "x").code == 2
    assert begin(first, "x", "--reason", "x" * 501).code == 1
    assert try_opening() is not None


def test_a_log_that_came_back_in_full_begins_no_epoch(region: Region, first: Station) -> None:
    _, second, _ = region
    backup = lose(first, second)
    assert first.hub("log", "copy", first.folder / "copy").code == 0
    first.set_back(backup)
    assert first.hub("recover", "log", first.folder / "copy").code == 0
    assert begin(first).code == 1
    first.start()
    assert first.world.entries(Epoch) == []


def test_what_a_peer_shows_only_later_is_given_up_too(region: Region, first: Station) -> None:
    """It had seen less than the others, which nobody can tell from another loss: a person says so once more."""
    _, second, third = region
    yulin = first.partner(YULIN)
    yulin.deliver(yulin.record(to=(ORDOS,)))
    backup = first.back_up()
    yulin.deliver(yulin.record(to=(ORDOS,)))
    third.round(first)
    yulin.deliver(yulin.record(to=(ORDOS,)))
    first.be_witnessed(second)
    third.stop()
    first.set_back(backup)
    assert begin(first).code == 0
    third.start()
    assert try_opening() is not None
    assert begin(first, "second").code == 0
    assert try_opening() is None
    first.start()
    assert len(first.world.entries(Epoch)) == 2
    for peer, file in ((second, "statement"), (third, "second")):
        assert readmit(peer, first, first.folder / file).code == 0


# -- the records -------------------------------------------------------------------------------------------


def test_records_that_peers_hold_are_accepted_anew_and_come_to_nobody_twice(
    region: Region, first: Station
) -> None:
    _, second, third = region
    yulin = first.partner(YULIN)
    base = yulin.record(to=(ORDOS,))
    yulin.deliver(base)
    backup = first.back_up()
    lost = [yulin.record(to=(ORDOS, XINZHOU)), yulin.record(to=(XINZHOU,)), yulin.revise(base)]
    only_here = yulin.record(to=(WUZHONG,))
    yulin.deliver(*lost, only_here)
    second.round(first)
    third.round(first)
    first.set_back(backup)
    halted = first.hub("recover", "records", "--json")
    assert halted.code == 1
    assert [row["accepted"] for row in halted.json["peers"]] == [0, 0]
    assert sorted(row["beyond"] for row in halted.json["peers"]) == [2, 2]
    assert begin(first).code == 0
    for expected in (3, 0):
        found = first.hub("recover", "records", "--json").json
        assert sum(row["accepted"] for row in found["peers"]) == expected
    first.start()
    yulin = first.partner(YULIN)
    assert [each["status"] for each in yulin.push(*lost, only_here)] == ["duplicate"] * 3 + ["accepted"]
    for peer in (second, third):
        assert readmit(peer, first, first.folder / "statement").code == 0
        assert peer.round(first).new == 0
    first.world.verify()


# -- the peers ---------------------------------------------------------------------------------------------


def readmit(peer: Station, first: Station, statement: Path, *options: object) -> Said:
    return peer.hub("peers", "readmit", first.name, "--anew", "--statement", statement, *options)


def cut_off(peer: Station, first: Station) -> None:
    yulin = first.partner(YULIN)
    yulin.deliver(*(yulin.record(to=(ORDOS,)) for _ in range(5)))
    with pytest.raises(Problem):
        peer.round(first)
    assert peer.state(first).cut_at is not None


def test_a_peer_cuts_the_log_off_until_its_operator_has_the_statement(region: Region, first: Station) -> None:
    _, second, _ = region
    fallen_back(first, second)
    cut_off(second, first)
    shown = readmit(second, first, first.folder / "statement")
    assert shown.code == 0
    assert REASON in shown.out
    size = first.size
    assert second.round(first).folded == size
    first.clock.advance(minutes=10)
    first.be_witnessed(second)
    assert len(second.node.store.ask(lambda neighbours: neighbours.accusations(first.name))) == 1


def test_it_may_be_readmitted_before_it_was_cut_off(region: Region, first: Station) -> None:
    _, second, _ = region
    fallen_back(first, second)
    assert second.state(first).cut_at is None
    assert readmit(second, first, first.folder / "statement").code == 0
    with pytest.raises(Problem) as unsettled:
        first.be_witnessed(second)
    assert unsettled.value.code is Code.BUSY, "the old history was as large: a round says first which this is"
    second.round(first)
    first.be_witnessed(second)
    assert second.state(first).cut_at is None


def test_what_the_statement_gave_up_counts_for_nothing_when_a_stranger_shows_it_again(
    region: Region, first: Station
) -> None:
    _, second, _ = region
    fallen_back(first, second)
    assert readmit(second, first, first.folder / "statement").code == 0
    text = (first.folder / "statement").read_text().partition("\n")[0]
    (abandoned,) = wire.json.loads(text)["abandoned"]
    for _ in range(2):
        witness = second.node.witness
        assert witness.add_checkpoint(submission(0, (), abandoned), second.clock()).status == 403
        second.round(first)
        first.clock.advance(minutes=10)
        first.be_witnessed(second)
        yulin = first.partner(YULIN)
        yulin.deliver(*(yulin.record(to=(ORDOS,)) for _ in range(5)))
    assert second.state(first).cut_at is None
    assert second.node.store.ask(lambda neighbours: neighbours.accusations(first.name)) == []


def forge(text: str) -> str:
    return text.replace(REASON, "no reason at all")


def cut_short(text: str) -> str:
    return text[: len(text) // 2]


def other_size(text: str) -> str:
    return text.replace('"size":3', '"size":2')


def checkpoint_alone(text: str) -> str:
    abandoned: str = wire.json.loads(text.partition("\n")[0])["abandoned"][0]
    return abandoned


@pytest.mark.parametrize(
    "harm", [forge, cut_short, other_size, checkpoint_alone, lambda _: "{}", lambda _: ""]
)
def test_a_statement_that_is_not_the_logs_readmits_nobody(
    region: Region, first: Station, harm: object
) -> None:
    assert callable(harm)
    _, second, _ = region
    fallen_back(first, second)
    cut_off(second, first)
    file = first.folder / "harmed"
    file.write_text(harm((first.folder / "statement").read_text()))
    refused = readmit(second, first, file)
    assert refused.code == 1
    assert "This statement proves nothing" in refused.err
    assert second.state(first).cut_at is not None
    assert (
        "该声明不能成立"
        in second.hub("peers", "readmit", first.name, "--anew", "--statement", file, lang="zh").err
    )


def test_a_statement_on_something_else_than_is_held_readmits_nobody(region: Region, first: Station) -> None:
    _, second, third = region
    yulin = first.partner(YULIN)
    backup = lose(first, second)
    third.stop()
    first.set_back(backup)
    assert begin(first).code == 0
    third.start()
    first.start()
    yulin = first.partner(YULIN)
    yulin.deliver(*(yulin.record(to=(ORDOS,)) for _ in range(9)))
    third.round(first)
    refused = readmit(third, first, first.folder / "statement")
    assert "does not give up what this node holds" in refused.err
    other = second.hub("peers", "readmit", third.name, "--anew", "--statement", first.folder / "statement")
    assert other.code == 1
    without = second.hub("peers", "readmit", first.name, "--statement", first.folder / "statement")
    assert without.code == 2


def test_a_statement_can_be_looked_at_before_anybody_decides(region: Region, first: Station) -> None:
    _, second, _ = region
    fallen_back(first, second)
    shown = second.hub("inspect", first.folder / "statement", "--json").json
    assert (shown["type"], shown["origin"], shown["reason"]) == ("statement", first.name, REASON)
    assert [each["size"] for each in shown["abandoned"]] == [6]


def test_a_statement_is_never_taken_for_a_checkpoint(region: Region, first: Station) -> None:
    _, second, _ = region
    fallen_back(first, second)
    note = (first.folder / "statement").read_text()
    verified = statements.verify(note, second.node.trust())
    assert verified.statement.size == 3
    with pytest.raises(Problem) as refused:
        open_checkpoint(note, first.node.log_verifier)
    assert refused.value.code is Code.MALFORMED


# -- those who fetch ---------------------------------------------------------------------------------------


def client(first: Station, city: str) -> Client:
    key = next(each["key"] for each in first.lab.systems if each["city"] == city)
    key = first.folder / "keys" / Path(key).name
    return Client(first.node.trust(), first.name, read_signing(key, None), clock=first.clock, tries=1)


def test_a_cursor_beyond_the_new_log_is_told_so(region: Region, first: Station) -> None:
    _, second, _ = region
    backup = lose(first, second)
    ordos, cursor = client(first, ORDOS), Passing()
    assert len(list(ordos.pull(cursor))) == 4
    first.set_back(backup)
    assert begin(first).code == 0
    first.start()
    with pytest.raises(LogWentBackError) as told:
        list(ordos.pull(cursor))
    assert told.value.code is Code.CONFLICT
    assert "set back to an older copy" in told.value.detail
    assert len(list(ordos.pull(Passing()))) == 1
    ordos.close()


def test_a_stream_that_counts_back_is_told_so(region: Region, first: Station) -> None:
    """The new history has grown past the cursor meanwhile; the numbers of the recipient's stream have not."""
    _, second, _ = region
    backup = lose(first, second)
    ordos, cursor = client(first, ORDOS), Passing()
    list(ordos.pull(cursor))
    first.set_back(backup)
    assert begin(first).code == 0
    first.start()
    yulin = first.partner(YULIN)
    yulin.deliver(*(yulin.record(to=(WUZHONG,)) for _ in range(9)), yulin.record(to=(ORDOS,)))
    with pytest.raises(LogWentBackError):
        list(ordos.pull(cursor))
    ordos.close()


def test_the_command_says_it_in_both_languages(region: Region, first: Station) -> None:
    _, second, _ = region
    backup = lose(first, second)
    profile = first.folder / "clients" / f"{ORDOS}-office.toml"
    text = profile.read_text().replace(second.name, first.name)
    profile.write_text(text)
    inbox = first.folder / "inbox"
    pulled = first.hub("pull", "--as", profile, "--out", inbox, "--json")
    assert pulled.code == 0, pulled.out
    first.set_back(backup)
    assert begin(first).code == 0
    first.start()
    english, chinese = (
        first.hub("pull", "--as", profile, "--out", inbox, lang=lang) for lang in ("en", "zh")
    )
    assert "The node's log was set back to an older copy" in english.err
    assert "节点日志已退回到较早的副本" in chinese.err
