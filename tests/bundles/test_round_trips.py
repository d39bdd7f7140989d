"""Bundles between honest nodes: what a round would bring comes on a disc, and acknowledgements go back on one."""

from __future__ import annotations

import hashlib
from datetime import timedelta

from carriers import Carrier, opened, served
from neighbours import Federation
from partner import LOCAL, ORDOS, XINZHOU, YULIN

from hub.federation.bundles.manifest import Place


def test_records_cross_and_acknowledgements_come_back(mixed: Federation, carrier: Carrier) -> None:
    first, second, _ = mixed
    yulin, ordos = first.world.partner(YULIN), second.world.partner(ORDOS)
    record, other = yulin.record(to=(ORDOS, XINZHOU)), yulin.record(to=(XINZHOU,))
    outcome, _ = yulin.deliver(record, other)
    delivery = f"/v1/records/{outcome['id']}/delivery"

    there = carrier.export(first, second)
    assert there.records == 1
    statuses = {each["city"]: each["status"] for each in yulin.get(delivery).json["recipients"]}
    assert statuses == {ORDOS: "fetched", XINZHOU: "pending"}
    taken = carrier.bring(second, there)
    assert (taken.report.new, taken.report.known, taken.report.folded) == (1, 0, there.size)
    assert second.records(ORDOS) == [record]
    (entry,) = second.received()
    assert (entry.via, entry.via_index, entry.to) == (first.name, outcome["index"], {ORDOS: 1})

    ordos.deliver(ordos.acknowledgement(record))
    back = carrier.export(second, first)
    carrier.bring(first, back)
    shown = next(each for each in yulin.get(delivery).json["recipients"] if each["city"] == ORDOS)
    assert (shown["status"], shown["outcome"]) == ("acknowledged", "accepted")
    for member in mixed:
        member.world.verify()


def test_the_next_bundle_begins_where_the_peer_said_that_it_has_got_to(
    mixed: Federation, carrier: Carrier
) -> None:
    first, second, _ = mixed
    yulin = first.world.partner(YULIN)
    yulin.deliver(yulin.record())
    one = carrier.export(first, second)
    lost = carrier.export(first, second)
    assert (one.manifest.since, lost.manifest.since) == (Place(), Place())
    carrier.bring(second, one)
    carrier.bring(first, carrier.export(second, first))
    late = yulin.record()
    yulin.deliver(late)
    next_one = carrier.export(first, second)
    assert next_one.manifest.since == Place(one.size, one.manifest.until)
    assert next_one.records == 1
    assert carrier.bring(second, next_one).report.new == 1
    assert second.records(ORDOS)[-1] == late
    everything = carrier.export(first, second, everything=True)
    assert (everything.manifest.since, everything.records) == (Place(), 2)


def test_what_is_exported_is_entered_as_served_to_the_receiving_nodes_key(
    nodes: Federation, carrier: Carrier
) -> None:
    first, second, _ = nodes
    yulin = first.world.partner(YULIN)
    (outcome,) = yulin.deliver(yulin.record())
    exported = carrier.export(first, second)
    (entry,) = served(first)
    assert entry.by == second.world.node.key.kid
    assert entry.request == hashlib.sha256(exported.manifest.bundle.encode()).hexdigest()
    assert entry.indexes == (outcome["index"],)
    assert exported.size == first.store.head().size - 1  # that entry stands behind what is carried


def test_a_second_import_changes_nothing(nodes: Federation, carrier: Carrier) -> None:
    first, second, _ = nodes
    yulin = first.world.partner(YULIN)
    yulin.deliver(*(yulin.record() for _ in range(3)))
    exported = carrier.export(first, second)
    carrier.bring(second, exported)
    before, state = second.store.head(), second.state(first)
    again = carrier.bring(second, exported)
    assert (again.report.new, again.report.folded, again.cosigned) == (0, 0, False)
    assert second.store.head() == before
    assert second.state(first).after == state.after


def test_several_bundles_are_brought_into_order_and_an_older_one_holds_nothing_new(
    nodes: Federation, carrier: Carrier
) -> None:
    first, second, third = nodes
    yulin, xinzhou = first.world.partner(YULIN), third.world.partner(XINZHOU)
    yulin.deliver(yulin.record())
    old = carrier.export(first, second)
    yulin.deliver(yulin.record())
    new = carrier.export(first, second)
    xinzhou.deliver(xinzhou.record(to=(ORDOS,)))
    other = carrier.export(third, second)
    outcomes = carrier.hand(second, *new.paths, *other.paths, *old.paths)
    assert [outcome.report.new for outcome in outcomes] == [1, 1, 1]  # type: ignore[union-attr]
    (past,) = carrier.hand(second, *old.paths)
    assert past.report.past  # type: ignore[union-attr]
    assert second.accusations(first) == []
    assert second.state(first).cut_at is None


def test_an_empty_bundle_still_says_how_far_the_peer_is_known(nodes: Federation, carrier: Carrier) -> None:
    first, second, _ = nodes
    exported = carrier.export(second, first)
    assert exported.records == 0
    assert carrier.bring(first, exported).report.folded == exported.size
    back = carrier.export(first, second)
    (volume,) = opened(back.paths)
    assert volume.said.known.size == exported.size


def test_a_record_that_is_due_is_erased_first_and_its_place_leaves_no_gap(
    nodes: Federation, carrier: Carrier
) -> None:
    first, second, _ = nodes
    yulin = first.world.partner(YULIN)
    soon = (nodes.clock() + timedelta(minutes=5)).astimezone(LOCAL).isoformat(timespec="seconds")
    kept = yulin.record()
    yulin.deliver(yulin.record(expires_at=soon), kept)
    nodes.clock.advance(minutes=10)
    exported = carrier.export(first, second)
    assert exported.records == 1
    assert first.world.types()["erased"] == 1
    assert carrier.bring(second, exported).report.new == 1
    assert second.records(ORDOS) == [kept]
    assert [entry.indexes for entry in served(first)] == [(exported.manifest.until,)]


def test_what_came_by_a_disc_and_what_comes_by_the_network_go_on_from_each_other(
    nodes: Federation, carrier: Carrier
) -> None:
    first, second, _ = nodes
    yulin, link = first.world.partner(YULIN), second.link(first)
    yulin.deliver(yulin.record())
    carrier.bring(second, carrier.export(first, second))
    yulin.deliver(yulin.record())
    link.cut = False
    assert second.round(first).new == 1
    yulin.deliver(yulin.record())
    report = carrier.bring(second, carrier.export(first, second)).report
    assert (report.new, report.known) == (1, 0)
    assert second.round(first).new == 0
    assert len(second.records(ORDOS)) == 3


def test_an_alert_that_the_lane_took_ahead_is_found_in_what_is_carried_later(
    nodes: Federation, carrier: Carrier
) -> None:
    first, second, _ = nodes
    yulin, link = first.world.partner(YULIN), second.link(first)
    yulin.deliver(yulin.record("event_security"))
    old = carrier.export(first, second)
    yulin.deliver(yulin.record())
    link.cut = False
    assert second.lane(first) == 1
    link.cut = True
    assert carrier.bring(second, old).report.new == 1
    report = carrier.bring(second, carrier.export(first, second)).report
    assert (report.new, report.known) == (0, 1)
    assert len(second.records(ORDOS)) == 2
    assert second.store.ask(lambda neighbours: neighbours.lane(first.name)) is None
