"""Records without their bytes are told one by one: a city is asked to send them again, or they are given up."""

from __future__ import annotations

import wire
from partner import ORDOS, WUZHONG, YULIN, members_of
from stations import Region, Station


def brought_back(first: Station, *others: Station, lose: list[str]) -> None:
    """A node whose log came back from a copy, without the bytes of the records that it had lost."""
    backup = first.back_up()
    first.partner(YULIN).deliver(*lose)
    for other in others:
        other.round(first)
    copy = first.folder / "copy"
    assert first.hub("log", "copy", copy).code == 0
    first.set_back(backup)
    assert first.hub("recover", "log", copy).code == 0


def test_what_lacks_its_bytes_is_named_and_then_given_up_by_name(region: Region, first: Station) -> None:
    lost = first.partner(YULIN).record(to=(WUZHONG,))
    brought_back(first, lose=[lost])
    (named,) = first.hub("recover", "--json").json["missing"]
    record = members_of(lost)
    assert (named["id"], named["digest"]) == (record["id"], wire.digest(lost))
    assert (named["from"], named["to"]) == (YULIN, [WUZHONG])
    looked = first.hub("recover").out
    assert record["id"] in looked
    assert "Next: no peer was given these records." in looked
    left = first.hub("recover", "records")
    assert record["id"] in left.out
    assert first.hub("recover", "records", "--json").json["missing"] == [named]
    given = first.hub("recover", "records", "--give-up", "--json").json
    assert (given["given_up_records"], given["missing"]) == ([named], [])
    assert record["id"] not in first.hub("recover").out


def test_what_a_peer_may_have_is_fetched_first(region: Region, first: Station) -> None:
    _, second, _ = region
    brought_back(first, second, lose=[first.partner(YULIN).record(to=(ORDOS,))])
    assert "Next: `hub recover records`." in first.hub("recover").out
    given = first.hub("recover", "records", "--give-up", "--json").json
    assert (given["given_up"], given["given_up_records"], given["missing"]) == (0, [], [])


def test_of_many_the_first_are_shown_and_the_rest_counted(region: Region, first: Station) -> None:
    yulin = first.partner(YULIN)
    lost = [yulin.record(to=(WUZHONG,)) for _ in range(23)]
    brought_back(first, lose=lost)
    given = first.hub("recover", "records", "--give-up").out
    assert sum(members_of(each)["id"] in given for each in lost) == 20
    assert "… and 3 more" in given


def test_a_folder_without_a_copy_is_told_so(region: Region, first: Station) -> None:
    empty = first.folder / "empty"
    empty.mkdir()
    first.stop()
    assert "There is no copy of the log there" in first.hub("recover", "log", empty).err
