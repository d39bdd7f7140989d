"""What happens to a log while a bundle of it is written: the bundle lacks nothing of what its checkpoint covers."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

from carriers import Carrier, served
from neighbours import Federation
from partner import LOCAL, ORDOS, YULIN


def test_a_record_that_is_pushed_meanwhile_comes_with_the_next_round(
    nodes: Federation, carrier: Carrier
) -> None:
    first, second, _ = nodes
    yulin = first.world.partner(YULIN)
    sent = [yulin.record() for _ in range(5)]
    yulin.deliver(*sent)
    late = yulin.record()
    exported = carrier.export(first, second, told=_once(lambda: yulin.deliver(late)))
    assert carrier.bring(second, exported).report.new == 5
    assert late not in second.records(ORDOS)
    second.link(first).cut = False
    assert second.round(first).new == 1
    assert second.records(ORDOS) == [*sent, late]


def test_a_record_that_is_pushed_meanwhile_comes_with_the_next_bundle(
    nodes: Federation, carrier: Carrier
) -> None:
    first, second, _ = nodes
    yulin = first.world.partner(YULIN)
    yulin.deliver(*(yulin.record() for _ in range(5)))
    late = yulin.record()
    exported = carrier.export(first, second, page=2, told=_once(lambda: yulin.deliver(late)))
    carrier.bring(second, exported)
    carrier.bring(first, carrier.export(second, first))
    following = carrier.export(first, second)
    assert (following.manifest.since.after, following.records) == (exported.manifest.until, 1)
    assert carrier.bring(second, following).report.new == 1
    assert late in second.records(ORDOS)


def test_a_log_that_grows_with_every_page_does_not_keep_a_bundle_from_its_end(
    nodes: Federation, carrier: Carrier
) -> None:
    first, second, _ = nodes
    yulin = first.world.partner(YULIN)
    yulin.deliver(*(yulin.record() for _ in range(4)))
    exported = carrier.export(first, second, page=1, told=lambda _done, _size: yulin.deliver(yulin.record()))
    assert exported.records == 4
    assert carrier.bring(second, exported).report.new == 4


def test_a_record_that_is_erased_meanwhile_is_covered_with_the_entry_that_says_so(
    nodes: Federation, carrier: Carrier
) -> None:
    first, second, _ = nodes
    yulin = first.world.partner(YULIN)
    soon = (nodes.clock() + timedelta(minutes=5)).astimezone(LOCAL).isoformat(timespec="seconds")
    kept, late = yulin.record(), yulin.record()
    yulin.deliver(kept, yulin.record(expires_at=soon))

    def erase() -> None:
        nodes.clock.advance(minutes=10)
        assert first.world.node.exchange.forget(nodes.clock()) == 1
        yulin.deliver(late)

    exported = carrier.export(first, second, page=1, told=_once(erase))
    assert exported.records == len(served(first)) == 2
    assert carrier.bring(second, exported).report.new == 2
    assert second.records(ORDOS) == [kept, late]


def _once(act: Callable[[], object]) -> Callable[[int, int], None]:
    """Does something when the first page was written."""
    done: list[bool] = []

    def told(_done: int, _size: int) -> None:
        if not done:
            done.append(True)
            act()

    return told
