"""Key files: written once and for one pair of eyes, read only when nobody else could read them."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from hub.errors import Code, Problem
from keys.files import read_passphrase, read_signing, read_unseal, write_private
from keys.suite import generate_signing, generate_unseal


def test_a_written_key_is_read_back_with_its_passphrase(tmp_path: Path) -> None:
    signing, unseal = generate_signing(), generate_unseal()
    write_private(tmp_path / "sign.pem", signing, "口令".encode())
    write_private(tmp_path / "seal.pem", unseal, b"another")
    assert read_signing(tmp_path / "sign.pem", "口令".encode()).public == signing.public
    assert read_unseal(tmp_path / "seal.pem", b"another").public == unseal.public


def test_a_key_file_is_for_its_owner_only_and_encrypted(tmp_path: Path) -> None:
    path = tmp_path / "key.pem"
    before = os.umask(0)
    try:
        write_private(path, generate_signing(), b"passphrase")
    finally:
        os.umask(before)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert path.read_bytes().startswith(b"-----BEGIN ENCRYPTED PRIVATE KEY-----")
    assert [child.name for child in tmp_path.iterdir()] == ["key.pem"]


def test_a_laboratory_key_is_plain_and_opens_with_or_without_a_passphrase(tmp_path: Path) -> None:
    key = generate_signing()
    write_private(tmp_path / "key.pem", key, None)
    assert read_signing(tmp_path / "key.pem", None).public == key.public
    assert read_signing(tmp_path / "key.pem", b"one for the whole folder").public == key.public


def test_a_key_is_never_written_over_another_file(tmp_path: Path) -> None:
    path = tmp_path / "key.pem"
    path.write_text("older")
    with pytest.raises(Problem) as refused:
        write_private(path, generate_signing(), None)
    assert refused.value.code is Code.CONFLICT
    assert path.read_text() == "older"
    assert [child.name for child in tmp_path.iterdir()] == ["key.pem"]


def test_a_folder_that_is_not_there_is_a_problem(tmp_path: Path) -> None:
    with pytest.raises(Problem, match="cannot be written"):
        write_private(tmp_path / "absent" / "key.pem", generate_signing(), None)


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o660, 0o644, 0o620])
def test_a_key_that_others_can_reach_is_refused(tmp_path: Path, mode: int) -> None:
    path = tmp_path / "key.pem"
    write_private(path, generate_signing(), None)
    path.chmod(mode)
    with pytest.raises(Problem, match="chmod 600") as refused:
        read_signing(path, None)
    assert refused.value.code is Code.NOT_ALLOWED


@pytest.mark.parametrize("passphrase", [None, b"does-not", b""])
def test_a_wrong_or_missing_passphrase_is_a_problem_that_does_not_show_it(
    tmp_path: Path, passphrase: bytes | None
) -> None:
    write_private(tmp_path / "key.pem", generate_signing(), b"opens-it")
    with pytest.raises(Problem) as refused:
        read_signing(tmp_path / "key.pem", passphrase)
    assert refused.value.code is Code.NOT_ALLOWED
    assert "opens-it" not in refused.value.detail and "does-not" not in refused.value.detail


def test_a_key_of_another_kind_is_named_as_such(tmp_path: Path) -> None:
    write_private(tmp_path / "sign.pem", generate_signing(), b"p")
    write_private(tmp_path / "seal.pem", generate_unseal(), b"p")
    with pytest.raises(Problem, match="a signing key"):
        read_signing(tmp_path / "seal.pem", b"p")
    with pytest.raises(Problem, match="a key for sealed parts"):
        read_unseal(tmp_path / "sign.pem", b"p")


def test_a_missing_file_a_folder_and_a_pipe_are_problems_and_nobody_waits(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe", 0o600)
    for path in (tmp_path / "absent", tmp_path, tmp_path / "pipe", tmp_path / "nul\0"):
        with pytest.raises(Problem):
            read_signing(path, None)


def test_an_overlong_file_is_too_large(tmp_path: Path) -> None:
    path = tmp_path / "key.pem"
    path.write_bytes(bytes(100_000))
    path.chmod(0o600)
    with pytest.raises(Problem) as refused:
        read_signing(path, None)
    assert refused.value.code is Code.TOO_LARGE


@given(
    content=st.binary(max_size=200)
    | st.binary(max_size=80).map(lambda b: b"-----BEGIN PRIVATE KEY-----\n" + b)
)
@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_file_is_a_key_or_a_problem(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "key.pem"
    path.write_bytes(content)
    path.chmod(0o600)
    for read in (read_signing, read_unseal):
        with pytest.raises(Problem):
            read(path, b"passphrase")


def test_the_passphrase_comes_from_the_file_before_the_environment(tmp_path: Path) -> None:
    path = tmp_path / "passphrase"
    path.write_bytes(b"from the file\n")
    path.chmod(0o600)
    environment = {"HUB_PASSPHRASE": "from the environment"}
    assert read_passphrase(path, environment) == b"from the file"
    assert read_passphrase(None, environment) == b"from the environment"
    assert read_passphrase(None, {}) is None


@pytest.mark.parametrize("content", [b"", b"\n", b"x" * 1024])
def test_an_empty_or_overlong_passphrase_is_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "passphrase"
    path.write_bytes(content)
    path.chmod(0o600)
    with pytest.raises(Problem, match="1 to 1023"):
        read_passphrase(path, {})
    with pytest.raises(Problem, match="1 to 1023"):
        read_passphrase(None, {"HUB_PASSPHRASE": content.decode().strip()})


def test_a_passphrase_file_that_others_can_read_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "passphrase"
    path.write_bytes(b"passphrase")
    path.chmod(0o644)
    with pytest.raises(Problem, match="chmod 600"):
        read_passphrase(path, {})
