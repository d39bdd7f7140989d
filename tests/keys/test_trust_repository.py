"""The trust repository as a node reads it: nothing unsigned, expired, rolled back or swapped comes into force."""

from __future__ import annotations

import hashlib
import json
import shutil
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from trust_region import NOW, Region, signing_key

from hub.errors import Code, Problem
from keys import ceremony, publication
from keys.ceremony import Expiries
from keys.trust_repository import METADATA_BYTES, FolderFetcher, open_trust, open_trust_once


@pytest.fixture
def repository(tmp_path: Path, region: Region) -> Path:
    folder = tmp_path / "repository"
    region.create(folder)
    return folder


@pytest.fixture
def state(tmp_path: Path) -> Path:
    return tmp_path / "state"


def refusal(repository: Path, state: Path, now: Any = NOW) -> Problem:
    with pytest.raises(Problem) as refused:
        open_trust(repository, state, now)
    return refused.value


def edit(path: Path, change: Any) -> None:
    members = json.loads(path.read_bytes())
    change(members)
    path.write_text(json.dumps(members))


def test_a_signed_repository_becomes_the_trust_in_force(repository: Path, state: Path) -> None:
    trust = open_trust(repository, state, NOW)
    assert trust.cities.keys() == {"610800", "150600"}
    assert trust.key(signing_key("610800/mediation").public.kid) is not None
    assert trust.expires_at == NOW + Expiries().timestamp


def test_the_targets_are_named_by_version_and_digest(repository: Path, state: Path) -> None:
    for target in open_trust(repository, state, NOW).targets:
        file = next((repository / "targets").glob(f"*.{target.file}"))
        assert target.digest == hashlib.sha256(file.read_bytes()).hexdigest()
        assert target.version == 1


def test_opening_twice_changes_nothing_and_writes_nothing_into_the_repository(
    repository: Path, state: Path
) -> None:
    before = {path: path.read_bytes() for path in repository.rglob("*.json")}
    assert open_trust(repository, state, NOW) == open_trust(repository, state, NOW)
    assert {path: path.read_bytes() for path in repository.rglob("*") if path.is_file()} == before


def test_a_later_version_comes_into_force(repository: Path, state: Path, region: Region) -> None:
    open_trust(repository, state, NOW)
    region.trust_list["version"] = 2
    region.trust_list["cities"][0]["keys"][0]["revoked_at"] = "2026-11-20T00:00:00+08:00"
    region.update(repository)
    trust = open_trust(repository, state, NOW)
    assert trust.targets[0].version == 2
    key = trust.key(signing_key("610800/mediation").public.kid)
    assert key is not None and not key.valid_at(NOW, NOW)


def test_now_is_what_is_handed_in_and_not_the_clock(repository: Path, state: Path) -> None:
    assert open_trust(repository, state, NOW + timedelta(days=6)).cities
    assert refusal(repository, state, NOW + timedelta(days=3650)).code is Code.STALE


@pytest.mark.parametrize(
    ("role", "days"), [("timestamp", 8), ("snapshot", 31), ("targets", 181), ("root", 366)]
)
def test_an_expired_role_is_stale_and_named(tmp_path: Path, region: Region, role: str, days: int) -> None:
    lasting = {name: timedelta(days=5000) for name in ("root", "targets", "snapshot", "timestamp")}
    del lasting[role]
    region.create(tmp_path / "repository", expiries=Expiries(**lasting))
    open_trust(tmp_path / "repository", tmp_path / "earlier", NOW + timedelta(days=days - 2))
    refused = refusal(tmp_path / "repository", tmp_path / "state", NOW + timedelta(days=days))
    assert refused.code is Code.STALE and role in refused.detail and "expired" in refused.detail


def test_a_repository_that_is_held_still_shows_when_its_timestamp_expires(
    repository: Path, state: Path
) -> None:
    """The freeze attack: a mirror that keeps serving the same, rightly signed files."""
    open_trust(repository, state, NOW)
    assert refusal(repository, state, NOW + timedelta(days=8)).code is Code.STALE


def test_a_whole_older_repository_is_refused_by_who_saw_the_newer(
    repository: Path, state: Path, region: Region, tmp_path: Path
) -> None:
    shutil.copytree(repository, tmp_path / "older")
    region.trust_list["version"] = 2
    region.update(repository)
    open_trust(repository, state, NOW)
    refused = refusal(tmp_path / "older", state)
    assert refused.code is Code.STALE and "rolled back" in refused.detail


def test_an_older_timestamp_alone_is_refused_too(repository: Path, state: Path, region: Region) -> None:
    older = (repository / "timestamp.json").read_bytes()
    ceremony.refresh_timestamp(repository, region.timestamp_key, NOW)
    open_trust(repository, state, NOW)
    (repository / "timestamp.json").write_bytes(older)
    assert refusal(repository, state).code is Code.STALE


def test_after_a_refusal_the_state_still_holds_what_it_held(repository: Path, state: Path) -> None:
    trust = open_trust(repository, state, NOW)
    good = (repository / "timestamp.json").read_bytes()
    (repository / "timestamp.json").write_bytes(b"{}")
    refusal(repository, state)
    (repository / "timestamp.json").write_bytes(good)
    assert open_trust(repository, state, NOW) == trust


@pytest.mark.parametrize("file", ["1.root.json", "timestamp.json", "1.snapshot.json", "1.targets.json"])
def test_one_changed_value_in_signed_metadata_breaks_its_signatures(
    repository: Path, state: Path, file: str
) -> None:
    edit(repository / file, lambda role: role["signed"].update(expires="2099-01-01T00:00:00Z"))
    assert refusal(repository, state).code is Code.BAD_SIGNATURE


def test_a_root_with_one_signature_of_three_is_below_the_threshold_of_two(
    repository: Path, state: Path
) -> None:
    edit(repository / "1.root.json", lambda role: role["signatures"].__delitem__(slice(1, None)))
    refused = refusal(repository, state)
    assert refused.code is Code.BAD_SIGNATURE and "1/2" in refused.detail


def test_targets_with_one_signature_are_refused_though_the_operator_announced_them(
    repository: Path, state: Path, region: Region, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No operator of a node, nor the hub's, can add a member or a right."""
    monkeypatch.setattr(publication, "require", lambda role: None)
    region.update(repository, targets_keys=region.targets_keys[:1])
    refused = refusal(repository, state)
    assert refused.code is Code.BAD_SIGNATURE and "1/2" in refused.detail


def test_a_signature_taken_from_the_announced_targets_shows(repository: Path, state: Path) -> None:
    edit(repository / "1.targets.json", lambda role: role["signatures"].__delitem__(slice(1, None)))
    assert refusal(repository, state).code is Code.BAD_SIGNATURE


def test_one_signature_written_twice_counts_once(repository: Path, state: Path) -> None:
    def double(role: Any) -> None:
        role["signatures"] = [role["signatures"][0]] * 2

    edit(repository / "1.targets.json", double)
    assert refusal(repository, state).code in (Code.BAD_SIGNATURE, Code.MALFORMED)


def test_a_root_of_strangers_replaces_no_pinned_root(
    repository: Path, state: Path, tmp_path: Path, region: Region
) -> None:
    """Whoever takes over the mirror can sign everything anew, but not with the cities' keys."""
    open_trust(repository, state, NOW)
    strangers = [signing_key(f"stranger {n}") for n in range(3)]
    region.create(
        tmp_path / "forged",
        root_keys=strangers,
        targets_keys=strangers,
        snapshot_key=strangers[0],
        timestamp_key=strangers[1],
    )
    shutil.copy(tmp_path / "forged" / "1.root.json", tmp_path / "forged" / "2.root.json")
    assert refusal(tmp_path / "forged", state).code in (Code.BAD_SIGNATURE, Code.STALE)
    shutil.rmtree(state)
    (tmp_path / "forged" / "2.root.json").unlink()
    assert open_trust(tmp_path / "forged", state, NOW).cities


def test_a_new_root_signed_by_the_old_one_is_followed_and_then_pinned(
    repository: Path, state: Path, tmp_path: Path, region: Region
) -> None:
    open_trust(repository, state, NOW)
    new_keys = [*region.root_keys[:2], signing_key("new root")]
    staging = tmp_path / "staging"
    ceremony.draft_root(
        staging,
        root_keys=[key.public for key in new_keys],
        threshold=2,
        targets_keys=[key.public for key in region.targets_keys],
        targets_threshold=2,
        snapshot_keys=[region.snapshot_key.public],
        timestamp_keys=[region.timestamp_key.public],
        now=NOW,
        repository=repository,
    )
    for key in new_keys:
        ceremony.add_signature(staging / "root.json", key)
    ceremony.publish(
        repository,
        staging,
        snapshot_key=region.snapshot_key,
        timestamp_key=region.timestamp_key,
        now=NOW,
    )
    assert open_trust(repository, state, NOW).cities
    assert (state / "root_history" / "2.root.json").exists()
    (repository / "1.root.json").unlink()
    assert open_trust(repository, state, NOW).cities


def test_a_link_lost_in_a_crash_does_not_unpin_the_root(
    repository: Path, state: Path, tmp_path: Path, region: Region
) -> None:
    open_trust(repository, state, NOW)
    (state / "root.json").unlink()
    strangers = [signing_key(f"stranger {n}") for n in range(3)]
    region.create(
        tmp_path / "forged",
        root_keys=strangers,
        targets_keys=strangers,
        snapshot_key=strangers[0],
        timestamp_key=strangers[1],
    )
    assert refusal(tmp_path / "forged", state).code in (Code.BAD_SIGNATURE, Code.STALE)


def test_targets_that_were_swapped_for_each_other_are_refused(repository: Path, state: Path) -> None:
    trust_list = next((repository / "targets").glob("*.trust-list.json"))
    agreements = next((repository / "targets").glob("*.agreements.json"))
    one, other = trust_list.read_bytes(), agreements.read_bytes()
    trust_list.write_bytes(other)
    agreements.write_bytes(one)
    assert refusal(repository, state).code in (Code.BAD_SIGNATURE, Code.TOO_LARGE)


def test_a_trust_list_with_one_letter_changed_is_refused(repository: Path, state: Path) -> None:
    path = next((repository / "targets").glob("*.trust-list.json"))
    path.write_bytes(path.read_bytes().replace(b"610800/mediation", b"610800/mediatioN"))
    refused = refusal(repository, state)
    assert refused.code is Code.BAD_SIGNATURE and "not the one that was signed" in refused.detail


def test_a_target_tampered_with_in_the_state_folder_is_fetched_anew(repository: Path, state: Path) -> None:
    trust = open_trust(repository, state, NOW)
    (state / "targets" / "trust-list.json").write_bytes(b"{}")
    assert open_trust(repository, state, NOW) == trust


def test_a_longer_target_is_not_read_to_its_end(repository: Path, state: Path) -> None:
    path = next((repository / "targets").glob("*.trust-list.json"))
    path.write_bytes(path.read_bytes() + b" " * 10**6)
    assert refusal(repository, state).code is Code.TOO_LARGE


@pytest.mark.parametrize("file", ["1.root.json", "timestamp.json", "1.snapshot.json", "1.targets.json"])
def test_a_missing_file_is_not_found(repository: Path, state: Path, file: str) -> None:
    (repository / file).unlink()
    assert refusal(repository, state).code is Code.NOT_FOUND


def test_a_missing_target_and_a_missing_folder_are_not_found(
    repository: Path, state: Path, tmp_path: Path
) -> None:
    next((repository / "targets").glob("*.agreements.json")).unlink()
    assert refusal(repository, state).code is Code.NOT_FOUND
    assert refusal(tmp_path / "absent", tmp_path / "other").code is Code.NOT_FOUND


@pytest.mark.parametrize("file", ["1.root.json", "timestamp.json", "1.snapshot.json", "1.targets.json"])
def test_an_endless_metadata_file_is_too_large(repository: Path, state: Path, file: str) -> None:
    with (repository / file).open("ab") as padded:
        padded.truncate(METADATA_BYTES * 4)
    assert refusal(repository, state).code is Code.TOO_LARGE


def test_rightly_signed_targets_that_break_the_schema_are_refused(
    repository: Path, state: Path, region: Region, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A quorum that signs nonsense, with another tool than ours, still does not put it in force."""
    region.trust_list["cities"][0]["node"] = "absent.exchange"
    for module in (ceremony, publication):
        monkeypatch.setattr(module, "check_contents", lambda contents: ())
    region.update(repository)
    refused = refusal(repository, state)
    assert refused.code is Code.INVALID and refused.where == "/cities/0/node"


def test_a_state_that_cannot_be_made_is_a_problem(repository: Path, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    refused = refusal(repository, tmp_path / "file" / "state")
    assert "state folder" in refused.detail


def test_an_auditor_reads_a_folder_with_a_root_from_elsewhere_and_leaves_nothing(
    repository: Path, tmp_path: Path, region: Region
) -> None:
    root = (repository / "1.root.json").read_bytes()
    assert open_trust_once(repository, NOW).cities
    assert open_trust_once(repository, NOW, root).cities
    others = [signing_key(f"other {n}") for n in range(3)]
    region.create(
        tmp_path / "other",
        root_keys=others,
        targets_keys=others,
        snapshot_key=others[0],
        timestamp_key=others[1],
    )
    with pytest.raises(Problem) as refused:
        open_trust_once(repository, NOW, (tmp_path / "other" / "1.root.json").read_bytes())
    assert refused.value.code is Code.BAD_SIGNATURE


@pytest.mark.parametrize(
    "name", ["../secret.json", "targets/../../secret", "/etc/passwd", ".hidden", "a//b", ""]
)
def test_no_name_leads_out_of_the_folder(tmp_path: Path, name: str) -> None:
    (tmp_path / "secret.json").write_text("secret")
    (tmp_path / "repository").mkdir()
    fetcher = FolderFetcher(tmp_path / "repository")
    with pytest.raises(Exception, match="no repository has"):
        fetcher.download_bytes(f"repository:/{name}", 100)


JSON_LIKE = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=6,
)


@given(
    file=st.sampled_from(["1.root.json", "timestamp.json", "1.snapshot.json", "1.targets.json"]),
    place=st.lists(st.integers(0, 5), min_size=1, max_size=5),
    value=JSON_LIKE,
)
@settings(deadline=None, max_examples=80, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_value_in_any_metadata_is_a_problem_and_nothing_worse(
    repository: Path, tmp_path: Path, file: str, place: list[int], value: Any
) -> None:
    good = (repository / file).read_bytes()
    members = json.loads(good)
    spot: Any = members
    for step in place[:-1]:
        inner = spot[list(spot)[step % len(spot)]] if isinstance(spot, dict) else spot[step % len(spot)]
        if not isinstance(inner, dict | list) or not inner:
            break
        spot = inner
    spot[list(spot)[place[-1] % len(spot)] if isinstance(spot, dict) else place[-1] % len(spot)] = value
    fresh = tmp_path / "fresh"
    try:
        (repository / file).write_text(json.dumps(members))
        open_trust(repository, fresh, NOW)
    except Problem as refused:
        assert refused.code is not Code.INTERNAL
    finally:
        (repository / file).write_bytes(good)
        shutil.rmtree(fresh, ignore_errors=True)


@given(content=st.binary(max_size=100))
@settings(deadline=None, max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_bytes_for_a_root_are_a_problem(tmp_path: Path, content: bytes) -> None:
    folder = tmp_path / "repository"
    folder.mkdir(exist_ok=True)
    (folder / "1.root.json").write_bytes(content)
    refusal(folder, tmp_path / "state")
    shutil.rmtree(tmp_path / "state")
