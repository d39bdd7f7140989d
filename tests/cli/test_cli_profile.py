"""A profile is read strictly, with its paths beside it."""

from __future__ import annotations

from pathlib import Path

import pytest
from conftest import Paper
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from hub.clock import utc_now
from hub.errors import Code, Problem
from hub.profile import open_client, read_profile, trust_of

TEXT = 'node = "610800.exchange"\ntrust = "../trust"\nkey = "k.pem"\n'


def refused(path: Path) -> Problem:
    with pytest.raises(Problem) as caught:
        read_profile(path)
    return caught.value


def test_paths_are_relative_to_the_profile(tmp_path: Path) -> None:
    path = tmp_path / "p.toml"
    path.write_text(TEXT)
    profile = read_profile(path)
    assert (profile.trust, profile.key) == (tmp_path / "../trust", tmp_path / "k.pem")
    assert profile.state == tmp_path / "p.state"


@pytest.mark.parametrize(
    ("line", "where"),
    [
        ("city = 610800", "/city"),
        ('city = "61080"', "/city"),
        ('url = "ftp://x"', "/url"),
        ('kee = "x"', "/kee"),
    ],
)
def test_what_is_wrong_is_named(tmp_path: Path, line: str, where: str) -> None:
    path = tmp_path / "p.toml"
    path.write_text(f"{TEXT}{line}\n")
    problem = refused(path)
    assert (problem.code, problem.where) == (Code.INVALID, where)


def test_what_is_missing_is_named(tmp_path: Path) -> None:
    path = tmp_path / "p.toml"
    path.write_text('node = "610800.exchange"\n')
    assert refused(path).where in ("/trust", "/key")


@settings(deadline=None, max_examples=80, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.one_of(
        st.binary(max_size=120),
        st.text(max_size=60).map(lambda tail: (TEXT + tail).encode("utf-8", "replace")),
    )
)
def test_whatever_a_profile_holds_it_is_read_or_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "p.toml"
    path.write_bytes(content)
    try:
        read_profile(path)
    except Problem as problem:
        assert problem.code in (Code.MALFORMED, Code.INVALID)


def test_a_labs_profile_opens_a_client_with_its_state_beside_it(paper: Paper) -> None:
    profile = read_profile(paper.folder / "clients" / "610800-office.toml")
    client = open_client(profile, trust_of(profile, utc_now()), {})
    client.close()
    assert client.node.name == paper.origin
    assert profile.sender() == "610800"
    assert (profile.state / "trust").is_dir()


def test_an_address_of_its_own_is_used(paper: Paper, tmp_path: Path) -> None:
    text = (paper.folder / "clients" / "610800-office.toml").read_text().replace('"../', f'"{paper.folder}/')
    (tmp_path / "p.toml").write_text(text + 'url = "https://10.1.2.3:8443/"\n')
    profile = read_profile(tmp_path / "p.toml")
    assert trust_of(profile, utc_now()).nodes[paper.origin].url == "https://10.1.2.3:8443"
