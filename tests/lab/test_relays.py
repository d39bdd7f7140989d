"""Relays: who calls shows by the address, and only the link between two nodes is cut, stalled or healed."""

from __future__ import annotations

import socket

import pytest
from lab_street import ORDOS, OUTSIDE, XINZHOU, YULIN, Street, echoed, heard
from waiting import until

from hub.errors import Code, Problem
from hub.lab import relay
from hub.lab.relay import LinkState, Relays, check_sources

LINK = frozenset({YULIN, ORDOS})
SILENCE_SECONDS = 0.2


def is_broken(peer: socket.socket) -> bool:
    """Whether a connection was reset, or has ended, rather than said anything."""
    try:
        peer.sendall(b"are you there?")
        return peer.recv(1) == b""
    except ConnectionError:
        return True


def breaks(street: Street, caller: str, node: str) -> bool:
    """Whether a new connection is: at once, or when something is said."""
    try:
        return is_broken(street.call(caller, node))
    except ConnectionError:
        return True


def is_silent(peer: socket.socket) -> bool:
    peer.settimeout(SILENCE_SECONDS)
    try:
        peer.recv(1)
    except TimeoutError:
        return True
    else:
        return False
    finally:
        peer.settimeout(10)


def test_what_is_said_passes_whole_in_both_directions(street: Street) -> None:
    said = bytes(range(256)) * 4000
    assert echoed(street.call(YULIN, ORDOS), said) == said
    assert echoed(street.call(OUTSIDE, ORDOS), said) == said


def test_an_end_of_one_side_is_passed_on_and_the_rest_still_comes(street: Street) -> None:
    peer = street.call(YULIN, ORDOS)
    peer.sendall(b"goodbye")
    peer.shutdown(socket.SHUT_WR)
    assert heard(peer, 100) == b"goodbye"


def test_a_cut_link_resets_what_comes_and_what_was_there_in_both_directions(street: Street) -> None:
    before = [street.call(YULIN, ORDOS), street.call(ORDOS, YULIN)]
    assert [echoed(peer) for peer in before] == [b"are you there?"] * 2
    street.relays.set(LINK, LinkState.CUT)
    assert all(is_broken(peer) for peer in before)
    assert breaks(street, YULIN, ORDOS)
    assert breaks(street, ORDOS, YULIN)
    street.relays.set(LINK, LinkState.OPEN)
    assert echoed(street.call(YULIN, ORDOS)) == b"are you there?"


def test_a_cut_link_concerns_no_other_and_no_outside_client(street: Street) -> None:
    others = [street.call(XINZHOU, ORDOS), street.call(YULIN, XINZHOU), street.call(OUTSIDE, ORDOS)]
    street.relays.set(LINK, LinkState.CUT)
    assert [echoed(peer) for peer in others] == [b"are you there?"] * 3
    assert echoed(street.call(OUTSIDE, YULIN)) == b"are you there?"
    assert street.relays.states() == {
        LINK: LinkState.CUT,
        frozenset({YULIN, XINZHOU}): LinkState.OPEN,
        frozenset({ORDOS, XINZHOU}): LinkState.OPEN,
    }


def test_a_stalled_link_takes_connections_and_says_nothing_until_it_is_healed(street: Street) -> None:
    before = street.call(YULIN, ORDOS)
    assert echoed(before) == b"are you there?"
    street.relays.set(LINK, LinkState.STALLED)
    after = street.call(YULIN, ORDOS)
    came = street.echoes[ORDOS].came
    for peer in (before, after):
        peer.sendall(b"hello")
        assert is_silent(peer)
    assert street.echoes[ORDOS].came == came
    street.relays.set(LINK, LinkState.OPEN)
    assert [heard(peer, 5) for peer in (before, after)] == [b"hello", b"hello"]


def test_a_stalled_link_that_is_cut_breaks(street: Street) -> None:
    street.relays.set(LINK, LinkState.STALLED)
    held = street.call(YULIN, ORDOS)
    assert is_silent(held)
    street.relays.set(LINK, LinkState.CUT)
    assert is_broken(held)


def test_a_node_that_is_down_breaks_off_whoever_calls(street: Street) -> None:
    street.echoes[ORDOS].close()
    assert breaks(street, YULIN, ORDOS)
    assert breaks(street, OUTSIDE, ORDOS)


def test_no_more_connections_are_held_than_may_be(street: Street, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(relay, "LINES", 2)
    held = [street.call(OUTSIDE, ORDOS) for _ in range(2)]
    assert [echoed(peer) for peer in held] == [b"are you there?"] * 2
    assert breaks(street, OUTSIDE, ORDOS)
    held[0].close()
    until(lambda: not breaks(street, OUTSIDE, ORDOS))


def test_there_is_no_link_to_a_node_that_the_lab_has_not(street: Street) -> None:
    with pytest.raises(Problem) as caught:
        street.relays.set(frozenset({YULIN, "621000.exchange"}), LinkState.CUT)
    assert caught.value.code is Code.NOT_FOUND


def test_an_address_that_this_system_has_not_is_named() -> None:
    check_sources(["127.0.0.1"])
    with pytest.raises(Problem, match=r"192\.0\.2\.77") as caught:
        check_sources(["192.0.2.77"])
    assert caught.value.code is Code.NOT_ALLOWED


def test_a_port_that_is_taken_is_named(street: Street) -> None:
    with pytest.raises(Problem, match=ORDOS) as caught, Relays([street.doors[ORDOS]]):
        pass
    assert caught.value.code is Code.BUSY
