"""Ceremonies: one signer at a time, nothing below its threshold, nobody signs for what he was not shown."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from trust_region import NOW, Region, signing_key

from hub.errors import Code, Problem
from keys import ceremony, publication
from keys.role_files import role_key_id
from keys.suite_one import Ed25519VerifyKey
from keys.trust_repository import open_trust


def draft(staging: Path, region: Region, repository: Path | None = None) -> None:
    if repository is None:
        ceremony.draft_root(
            staging,
            root_keys=[key.public for key in region.root_keys],
            threshold=2,
            targets_keys=[key.public for key in region.targets_keys],
            targets_threshold=2,
            snapshot_keys=[region.snapshot_key.public],
            timestamp_keys=[region.timestamp_key.public],
            now=NOW,
        )
    ceremony.draft_targets(staging, region.trust_list, region.agreements, now=NOW, repository=repository)


def publish(repository: Path, staging: Path, region: Region) -> None:
    ceremony.publish(
        repository,
        staging,
        snapshot_key=region.snapshot_key,
        timestamp_key=region.timestamp_key,
        now=NOW,
    )


def files(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_cities_sign_one_after_another_and_only_the_last_needed_opens_the_gate(
    tmp_path: Path, region: Region
) -> None:
    staging, repository = tmp_path / "staging", tmp_path / "repository"
    draft(staging, region)
    steps = [
        (staging / "root.json", region.root_keys[0]),
        (staging / "root.json", region.root_keys[2]),
        (staging / "targets.json", region.targets_keys[1]),
        (staging / "targets.json", region.targets_keys[2]),
    ]
    for path, key in steps:
        with pytest.raises(Problem) as refused:
            publish(repository, staging, region)
        assert refused.value.code is Code.BAD_SIGNATURE and "nothing is published" in refused.value.detail
        assert not repository.exists()
        ceremony.add_signature(path, key)
    publish(repository, staging, region)
    assert open_trust(repository, tmp_path / "state", NOW).quorum == 1


def test_the_standing_names_who_has_signed_and_who_has_not(tmp_path: Path, region: Region) -> None:
    draft(tmp_path, region)
    ceremony.add_signature(tmp_path / "targets.json", region.targets_keys[1])
    root, targets = ceremony.standing(tmp_path)
    assert (root.role, len(root.signed), root.threshold, root.met) == ("root", 0, 2, False)
    assert targets.signed == {role_key_id(region.targets_keys[1].public)}
    assert targets.missing == {role_key_id(region.targets_keys[n].public) for n in (0, 2)}


def test_signing_twice_counts_once(tmp_path: Path, region: Region) -> None:
    draft(tmp_path, region)
    ceremony.add_signature(tmp_path / "root.json", region.root_keys[0])
    once = (tmp_path / "root.json").read_bytes()
    ceremony.add_signature(tmp_path / "root.json", region.root_keys[0])
    assert (tmp_path / "root.json").read_bytes() == once


def test_a_stranger_may_sign_but_does_not_count(tmp_path: Path, region: Region) -> None:
    draft(tmp_path, region)
    for name in ("a", "b", "c"):
        ceremony.add_signature(tmp_path / "root.json", signing_key(name))
    assert not ceremony.standing(tmp_path)[0].met


def test_a_value_changed_after_signing_takes_the_signatures_away(tmp_path: Path, region: Region) -> None:
    draft(tmp_path, region)
    for key in region.root_keys:
        ceremony.add_signature(tmp_path / "root.json", key)
    assert ceremony.standing(tmp_path)[0].met
    members = json.loads((tmp_path / "root.json").read_bytes())
    members["signed"]["roles"]["root"]["threshold"] = 1
    (tmp_path / "root.json").write_text(json.dumps(members))
    assert not ceremony.standing(tmp_path)[0].met


def test_nobody_signs_targets_beside_which_other_files_lie(tmp_path: Path, region: Region) -> None:
    draft(tmp_path, region)
    shown = tmp_path / "trust-list.json"
    shown.write_bytes(shown.read_bytes().replace(b"610800/mediation", b"610800/mediatioN"))
    with pytest.raises(Problem) as refused:
        ceremony.add_signature(tmp_path / "targets.json", region.targets_keys[0])
    assert refused.value.code is Code.BAD_SIGNATURE
    shown.unlink()
    with pytest.raises(Problem) as refused:
        ceremony.add_signature(tmp_path / "targets.json", region.targets_keys[0])
    assert refused.value.code is Code.NOT_FOUND


def test_what_is_signed_is_our_encoding_and_not_the_strangers_bytes(tmp_path: Path, region: Region) -> None:
    draft(tmp_path, region)
    tidy = (tmp_path / "root.json").read_bytes()
    odd = tidy.replace(b'"version": 1', b'"version": 9, "version": 1').replace(b"\n", b"\r\n ")
    (tmp_path / "root.json").write_bytes(odd)
    ceremony.add_signature(tmp_path / "root.json", region.root_keys[0])
    written = (tmp_path / "root.json").read_bytes()
    assert b"\r" not in written and b'"version": 9' not in written
    assert len(ceremony.standing(tmp_path)[0].signed) == 1


@pytest.mark.parametrize("name", ["timestamp.json", "trust-list.json", "other.json"])
def test_a_ceremony_signs_nothing_but_root_and_targets(tmp_path: Path, region: Region, name: str) -> None:
    draft(tmp_path, region)
    with pytest.raises(Problem) as refused:
        ceremony.add_signature(tmp_path / name, region.root_keys[0])
    assert refused.value.code is Code.INVALID


def test_one_role_in_anothers_place_is_refused(tmp_path: Path, region: Region) -> None:
    draft(tmp_path, region)
    (tmp_path / "root.json").write_bytes((tmp_path / "targets.json").read_bytes())
    with pytest.raises(Problem) as refused:
        ceremony.add_signature(tmp_path / "root.json", region.root_keys[0])
    assert refused.value.code is Code.MALFORMED


def test_a_key_in_a_role_under_two_ids_is_refused(tmp_path: Path, region: Region) -> None:
    """Otherwise one city would be two of the m."""
    draft(tmp_path, region)
    members = json.loads((tmp_path / "root.json").read_bytes())
    root = members["signed"]
    first = root["roles"]["root"]["keyids"][0]
    root["keys"]["00" * 32] = root["keys"][first]
    root["roles"]["root"]["keyids"].append("00" * 32)
    (tmp_path / "root.json").write_text(json.dumps(members))
    with pytest.raises(Problem, match="twice"):
        ceremony.standing(tmp_path)


@pytest.mark.parametrize("threshold", [0, -1, 4])
def test_a_threshold_that_cannot_be_met_is_refused(tmp_path: Path, region: Region, threshold: int) -> None:
    with pytest.raises(Problem) as refused:
        region.create(tmp_path / "repository", threshold=threshold)
    assert refused.value.code is Code.INVALID


def test_a_key_named_twice_in_a_role_is_refused(tmp_path: Path, region: Region) -> None:
    with pytest.raises(Problem, match="twice"):
        region.create(tmp_path / "repository", root_keys=[region.root_keys[0]] * 2)


def test_a_broken_trust_list_is_refused_before_anybody_signs(tmp_path: Path, region: Region) -> None:
    region.trust_list["cities"][0]["keys"][0]["kid"] = "A" * 43
    with pytest.raises(Problem) as refused:
        draft(tmp_path / "staging", region)
    assert refused.value.where == "/cities/0/keys/0/kid"
    assert not (tmp_path / "staging" / "targets.json").exists()


def test_an_existing_repository_is_never_made_anew(tmp_path: Path, region: Region) -> None:
    region.create(tmp_path / "repository")
    with pytest.raises(Problem) as refused:
        region.create(tmp_path / "repository")
    assert refused.value.code is Code.CONFLICT


def test_an_update_below_its_threshold_leaves_the_repository_as_it_was(
    tmp_path: Path, region: Region
) -> None:
    repository = tmp_path / "repository"
    region.create(repository)
    before = files(repository)
    region.trust_list["version"] = 2
    with pytest.raises(Problem) as refused:
        region.update(repository, targets_keys=region.targets_keys[:1])
    assert refused.value.code is Code.BAD_SIGNATURE
    assert files(repository) == before


def test_an_operator_with_another_key_announces_nothing(tmp_path: Path, region: Region) -> None:
    repository = tmp_path / "repository"
    region.create(repository)
    before = files(repository)
    stranger = signing_key("stranger")
    announcements: list[Callable[[], None]] = [
        lambda: region.update(repository, timestamp_key=stranger),
        lambda: region.update(repository, snapshot_key=stranger),
        lambda: ceremony.refresh_timestamp(repository, stranger, NOW),
        lambda: ceremony.refresh(
            repository, snapshot_key=stranger, timestamp_key=region.timestamp_key, now=NOW
        ),
    ]
    for announce in announcements:
        with pytest.raises(Problem) as refused:
            announce()
        assert refused.value.code is Code.NOT_ALLOWED
    assert files(repository) == before


def test_publishing_the_same_draft_again_is_no_error(tmp_path: Path, region: Region) -> None:
    staging, repository = tmp_path / "staging", tmp_path / "repository"
    draft(staging, region)
    for key in region.root_keys:
        ceremony.add_signature(staging / "root.json", key)
    for key in region.targets_keys:
        ceremony.add_signature(staging / "targets.json", key)
    publish(repository, staging, region)
    first = open_trust(repository, tmp_path / "state", NOW)
    publish(repository, staging, region)
    assert open_trust(repository, tmp_path / "state", NOW) == first


def test_a_publication_broken_off_before_the_timestamp_is_not_seen_and_can_be_repeated(
    tmp_path: Path, region: Region, monkeypatch: pytest.MonkeyPatch
) -> None:
    repository, staging = tmp_path / "repository", tmp_path / "staging"
    region.create(repository)
    region.trust_list["version"] = 2
    draft(staging, region, repository)
    for key in region.targets_keys:
        ceremony.add_signature(staging / "targets.json", key)

    def power_cut(*_: object) -> None:
        raise InterruptedError

    with monkeypatch.context() as broken, pytest.raises(InterruptedError):
        broken.setattr(publication, "_write_timestamp", power_cut)
        publish(repository, staging, region)
    assert open_trust(repository, tmp_path / "state", NOW).targets[0].version == 1
    publish(repository, staging, region)
    assert open_trust(repository, tmp_path / "state", NOW).targets[0].version == 2


def test_a_draft_made_from_an_older_repository_is_a_conflict(tmp_path: Path, region: Region) -> None:
    repository, staging = tmp_path / "repository", tmp_path / "staging"
    region.create(repository)
    draft(staging, region, repository)
    region.trust_list["version"] = 2
    region.update(repository)
    region.trust_list["version"] = 3
    region.update(repository)
    for key in region.targets_keys:
        ceremony.add_signature(staging / "targets.json", key)
    with pytest.raises(Problem) as refused:
        publish(repository, staging, region)
    assert refused.value.code is Code.CONFLICT


def test_a_refresh_renews_what_would_expire(tmp_path: Path, region: Region) -> None:
    repository = tmp_path / "repository"
    region.create(repository)
    later = NOW + timedelta(days=6)
    ceremony.refresh_timestamp(repository, region.timestamp_key, later)
    assert open_trust(repository, tmp_path / "state", later + timedelta(days=6)).cities
    later = NOW + timedelta(days=29)
    ceremony.refresh(
        repository, snapshot_key=region.snapshot_key, timestamp_key=region.timestamp_key, now=later
    )
    assert open_trust(repository, tmp_path / "state", later + timedelta(days=6)).cities


def test_a_refresh_announces_no_targets_that_were_tampered_with(tmp_path: Path, region: Region) -> None:
    repository = tmp_path / "repository"
    region.create(repository)
    path = next((repository / "targets").glob("*.agreements.json"))
    path.write_bytes(path.read_bytes().replace(b"amber", b"green"))
    with pytest.raises(Problem) as refused:
        ceremony.refresh(
            repository, snapshot_key=region.snapshot_key, timestamp_key=region.timestamp_key, now=NOW
        )
    assert refused.value.code is Code.BAD_SIGNATURE


def test_a_key_of_a_suite_that_tuf_does_not_know_cannot_be_a_role_key() -> None:
    class OtherSuite(Ed25519VerifyKey):
        algorithm = "SM2"

    other_kind = OtherSuite(signing_key("x").public.raw)
    with pytest.raises(Problem) as refused:
        role_key_id(other_kind)
    assert refused.value.code is Code.INVALID


JSON_LIKE = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=6,
)


@given(
    file=st.sampled_from(["root.json", "targets.json"]),
    place=st.lists(st.integers(0, 5), min_size=1, max_size=5),
    value=JSON_LIKE,
)
@settings(deadline=None, max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_value_in_a_draft_from_elsewhere_is_taken_or_a_problem(
    tmp_path: Path, file: str, place: list[int], value: Any
) -> None:
    region = Region()
    draft(tmp_path, region)
    members = json.loads((tmp_path / file).read_bytes())
    spot: Any = members
    for step in place[:-1]:
        inner = spot[list(spot)[step % len(spot)]] if isinstance(spot, dict) else spot[step % len(spot)]
        if not isinstance(inner, dict | list) or not inner:
            break
        spot = inner
    spot[list(spot)[place[-1] % len(spot)] if isinstance(spot, dict) else place[-1] % len(spot)] = value
    (tmp_path / file).write_text(json.dumps(members))
    try:
        ceremony.add_signature(tmp_path / file, region.root_keys[0])
        ceremony.standing(tmp_path)
        publish(tmp_path / "repository", tmp_path, region)
    except Problem as refused:
        assert refused.code is not Code.INTERNAL
