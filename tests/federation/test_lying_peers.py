"""What a lying peer has entered into its own log, or lets expire: each ends in a named refusal, and is not taken."""

from __future__ import annotations

import shutil
from datetime import timedelta
from typing import Any

import pytest
from liars import RECORDS, answer_with
from neighbours import YANAN, Federation, Link, Member, look_for_trust, plant
from partner import ORDOS, WUZHONG, XINZHOU, YULIN, change_trust

from hub.errors import Code
from hub.log import entry as entries

pytestmark = pytest.mark.usefixtures("others_do_not_suffer")


def refused(second: Member, liar: Member, record: str) -> Code:
    """What a round ends in at a record that is in the liar's log; what stands before it is taken, and it is not."""
    code = second.refusal(liar).code
    held = second.records(ORDOS)
    assert len(held) == RECORDS
    assert record not in held
    assert second.records(YANAN) == []
    # The lie stands in the log for good: so does the refusal.
    assert second.refusal(liar).code is code
    assert len(second.received()) == RECORDS
    return code


def give(second: Member, liar: Member, index: int, record: str) -> None:
    """Have the liar give a record that no honest node's software would give: its entry is none of an accepted one."""
    line = liar.store.lines(index, index + 1)[0].decode()
    item = {"index": index, "entry": line, "record": record}
    second.link(liar).lie_in_items(lambda items: items.append(item))


@pytest.mark.parametrize("n", [1, RECORDS, RECORDS + 2, 10**14])
def test_a_stream_that_does_not_count_on(liar: Member, second: Member, n: int) -> None:
    record = liar.world.partner(YULIN).record()
    plant(liar.world, record, to={ORDOS: n})
    assert refused(second, liar, record) is Code.CONFLICT


def test_a_record_of_a_city_that_the_peer_does_not_host(
    nodes: Federation, liar: Member, second: Member
) -> None:
    record = nodes.members[2].world.partner(XINZHOU).record(to=(ORDOS,))
    plant(liar.world, record)
    assert refused(second, liar, record) is Code.NOT_ALLOWED


def test_a_record_of_the_asking_nodes_own_city(liar: Member, second: Member) -> None:
    record = second.world.partner(YANAN).record(to=(ORDOS,))
    plant(liar.world, record)
    assert refused(second, liar, record) is Code.NOT_ALLOWED


def test_a_record_without_an_agreement(liar: Member, second: Member) -> None:
    record = liar.world.partner(YULIN).record(agreement="none")
    plant(liar.world, record)
    assert refused(second, liar, record) is Code.NO_AGREEMENT


def test_a_record_above_its_agreements_marking(liar: Member, second: Member) -> None:
    record = liar.world.partner(YULIN).record(marking="red")
    plant(liar.world, record)
    assert refused(second, liar, record) is Code.NO_AGREEMENT


def test_a_record_that_its_schema_refuses(liar: Member, second: Member) -> None:
    record = liar.world.partner(YULIN).record(body={"identifier": "x"})
    plant(liar.world, record)
    assert refused(second, liar, record) is Code.INVALID


def test_a_record_for_none_of_the_asking_nodes_cities(liar: Member, second: Member) -> None:
    record = liar.world.partner(YULIN).record(to=(WUZHONG,))
    plant(liar.world, record, given=(ORDOS,))
    assert refused(second, liar, record) is Code.NOT_ALLOWED


@pytest.mark.parametrize(
    "said",
    [
        {"digest": "0" * 64},
        {"kind": "mediation_case"},
        {"marking": "clear"},
        {"revision": 2},
        {"sender": WUZHONG},
        {"id": "00000000-0000-5000-8000-000000000000"},
        {"to": {ORDOS: RECORDS + 1, YANAN: 1}},
    ],
    ids=str,
)
def test_an_entry_that_says_something_else_of_its_record(
    liar: Member, second: Member, said: dict[str, Any]
) -> None:
    record = liar.world.partner(YULIN).record()
    plant(liar.world, record, **said)
    assert refused(second, liar, record) is Code.CONFLICT


def test_an_entry_of_a_record_that_came_from_another_node(liar: Member, second: Member) -> None:
    record = liar.world.partner(YULIN).record()
    give(
        second, liar, plant(liar.world, record, entries.received, via="140900.exchange", via_index=3), record
    )
    assert refused(second, liar, record) is Code.NOT_ALLOWED


def test_an_entry_of_a_deed_in_place_of_a_record(liar: Member, second: Member) -> None:
    record = liar.world.partner(YULIN).record()

    def served(*, at: str, **_: Any) -> bytes:
        return entries.served(at=at, by="k" * 43, request="0" * 64, indexes=[1])

    give(second, liar, plant(liar.world, record, served), record)
    assert refused(second, liar, record) is Code.NOT_ALLOWED


def test_an_entry_that_is_none(liar: Member, second: Member) -> None:
    record = liar.world.partner(YULIN).record()
    give(second, liar, plant(liar.world, record, lambda **_: b'{"type":"accepted"}'), record)
    assert refused(second, liar, record) is Code.MALFORMED


@pytest.mark.parametrize(
    "moment",
    [
        "9999-12-31T23:59:59Z",
        "9999-12-31T23:59:59-23:59",
        "2099-01-01T00:00:00Z",
        "0001-01-01T00:00:00Z",
        "0001-01-01T00:00:00+23:59",
        "1999-12-31T23:59:59Z",
    ],
)
def test_an_entry_of_a_time_that_cannot_be(liar: Member, second: Member, moment: str) -> None:
    record = liar.world.partner(YULIN).record()
    plant(liar.world, record, at=moment)
    assert refused(second, liar, record) is Code.STALE


def test_an_entry_dated_back_before_its_key_was_revoked(
    nodes: Federation, liar: Member, second: Member
) -> None:
    yulin = liar.world.partner(YULIN)
    record = yulin.record()
    before = yulin.clock().isoformat(timespec="milliseconds")
    nodes.clock.advance(hours=2)
    marker = liar.world.partner(WUZHONG).record(to=(ORDOS,))
    liar.world.partner(WUZHONG).deliver(marker)

    def revoke(trust_list: dict[str, Any], _agreements: Any) -> None:
        for city in trust_list["cities"]:
            for key in city["keys"]:
                if key["kid"] == yulin.key.kid:
                    key["revoked_at"] = (nodes.clock() - timedelta(hours=1)).isoformat(timespec="seconds")

    change_trust(nodes.folder, revoke)
    look_for_trust(liar, second)
    plant(liar.world, record, at=before)
    assert second.refusal(liar).code is Code.UNKNOWN_KEY
    assert second.records(ORDOS)[-1] == marker
    assert record not in second.records(ORDOS)


@pytest.mark.parametrize("revision", [1, 2])
def test_a_record_that_does_not_fit_what_is_held_of_it(liar: Member, second: Member, revision: int) -> None:
    yulin = liar.world.partner(YULIN)
    assert second.round(liar).new == RECORDS
    held = second.received()[0]
    changed = {"id": held.id, "revision": revision, "previous": None if revision == 1 else "0" * 64}
    record = yulin.record(**changed)
    plant(liar.world, record)
    assert refused(second, liar, record) is (Code.CONFLICT if revision == 1 else Code.WRONG_REVISION)


def test_expired_trust_takes_nothing_and_blames_nobody(
    nodes: Federation, liar: Member, second: Member
) -> None:
    nodes.clock.advance(days=400)
    problem = second.refusal(liar)
    assert problem.code is Code.BUSY
    assert "trust list has expired" in problem.detail
    assert second.link(liar).asked == []
    assert second.state(liar).failures == 0
    nodes.clock.advance(days=-400)


def test_a_trust_list_that_was_rolled_back_does_not_bring_back_a_city(
    nodes: Federation, liar: Member, second: Member
) -> None:
    """The repository lies with whoever serves it; what it once showed it cannot take back."""
    old = nodes.folder / "old-trust"
    shutil.copytree(nodes.folder / "trust", old)

    def revoke(trust_list: dict[str, Any], _agreements: Any) -> None:
        for city in trust_list["cities"]:
            for key in city["keys"]:
                if city["code"] == YULIN and key["use"] == "sign":
                    key["revoked_at"] = "2026-01-01T00:00:00+08:00"

    change_trust(nodes.folder, revoke)
    look_for_trust(second)
    shutil.rmtree(nodes.folder / "trust")
    shutil.copytree(old, nodes.folder / "trust", copy_function=shutil.copy)
    look_for_trust(second)
    assert second.world.node.trust.failure is not None
    assert second.refusal(liar).code is Code.UNKNOWN_KEY
    assert second.received() == []


def test_a_link_that_tells_the_truth_again_is_believed(liar: Member, second: Member) -> None:
    link: Link = second.link(liar)
    link.lie("/log/checkpoint", answer_with(b"?"), signed=False)
    for failures in range(1, 4):
        second.refusal(liar)
        assert second.state(liar).failures == failures
    link.tell_the_truth()
    assert second.round(liar).new == RECORDS
    assert second.state(liar).failures == 0
