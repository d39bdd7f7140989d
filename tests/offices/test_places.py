"""Whom a place is, is proven before anything is sent; and secrets are read from files that nobody else may read."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from place_settings import access_at, secret
from sftp_server import PASSWORD, SftpServer

from hub.errors import Code, Problem
from hub.offices.places import Place, open_place
from hub.offices.places.secret import read_secret
from hub.offices.places.sftp import Sftp


@contextmanager
def opened(server: SftpServer, **changed: Any) -> Iterator[Place]:
    access = access_at(server.url, **{"key": server.key, "known_hosts": server.known_hosts, **changed})
    place = open_place(access, "source mediation", {})
    yield place
    place.files.close()


def refused(server: SftpServer, **changed: Any) -> Problem:
    with pytest.raises(Problem) as raised, opened(server, **changed):
        pass
    assert "mediation" in raised.value.detail
    return raised.value


def test_a_server_with_the_known_host_key_is_entered_by_key(sftp: SftpServer) -> None:
    (sftp.folder / "a.csv").write_text("1")
    with opened(sftp) as place:
        assert [each.name for each in place.files.entries(place.root)] == ["a.csv"]


def test_a_server_is_entered_by_password(sftp: SftpServer, tmp_path: Path) -> None:
    with opened(sftp, key=None, password_file=secret(tmp_path / "password", PASSWORD)) as place:
        assert list(place.files.entries(place.root)) == []


def test_an_encrypted_key_is_opened_by_its_passphrase(sftp: SftpServer, tmp_path: Path) -> None:
    key = sftp.write_own_key("encrypted.pem", "correct horse")
    with opened(sftp, key=key, passphrase_file=secret(tmp_path / "passphrase", "correct horse")):
        pass
    access = access_at(sftp.url, key=key, known_hosts=sftp.known_hosts)
    open_place(access, "source mediation", {"HUB_PASSPHRASE": "correct horse"}).files.close()
    wrong = refused(sftp, key=key, passphrase_file=secret(tmp_path / "other", "wrong horse"))
    assert wrong.code is Code.NOT_ALLOWED
    assert "passphrase" in wrong.detail
    assert "horse" not in wrong.detail
    assert "passphrase_file" in refused(sftp, key=key).detail


def test_a_server_that_shows_another_host_key_is_refused(sftp: SftpServer) -> None:
    problem = refused(sftp, known_hosts=sftp.write_known_hosts("others"))
    assert problem.code is Code.NOT_ALLOWED
    assert "another host key" in problem.detail


def test_a_server_that_is_not_in_known_hosts_is_refused_before_the_password_is_sent(
    sftp: SftpServer, tmp_path: Path
) -> None:
    known = tmp_path / "known"
    known.write_text(sftp.known_hosts.read_text().replace(f":{sftp.port}", ":1"))
    problem = refused(
        sftp, known_hosts=known, key=None, password_file=secret(tmp_path / "password", PASSWORD)
    )
    assert problem.code is Code.NOT_ALLOWED
    assert "not in known_hosts" in problem.detail
    assert sftp.logins == []


def test_there_is_no_sftp_without_known_hosts(sftp: SftpServer) -> None:
    assert refused(sftp, known_hosts=None).code is Code.INVALID


def test_a_revoked_host_key_is_not_taken_for_a_plain_one(sftp: SftpServer) -> None:
    known = sftp.known_hosts
    known.write_text("@revoked " + known.read_text() + known.read_text())
    assert refused(sftp).code is Code.INVALID


def test_a_user_key_that_the_server_does_not_know_is_refused(sftp: SftpServer) -> None:
    problem = refused(sftp, key=sftp.write_key("stranger.pem"))
    assert problem.code is Code.NOT_ALLOWED
    assert "refuses this user" in problem.detail


def test_a_wrong_password_is_refused_and_not_told(sftp: SftpServer, tmp_path: Path) -> None:
    problem = refused(sftp, key=None, password_file=secret(tmp_path / "password", "guess-me"))
    assert problem.code is Code.NOT_ALLOWED
    assert "guess-me" not in problem.detail


@pytest.mark.parametrize("content", ["", "no key at all", "-----BEGIN OPENSSH PRIVATE KEY-----\nAAAA\n"])
def test_a_file_that_is_no_key_is_named(sftp: SftpServer, tmp_path: Path, content: str) -> None:
    assert refused(sftp, key=secret(tmp_path / "key", content)).code is Code.INVALID


def test_a_key_that_others_may_read_is_refused(sftp: SftpServer) -> None:
    sftp.key.chmod(0o644)
    assert refused(sftp).code is Code.NOT_ALLOWED


def test_a_server_that_is_not_there_is_busy(sftp: SftpServer) -> None:
    access = access_at("sftp://office@127.0.0.1:1/", key=sftp.key, known_hosts=sftp.known_hosts)
    with pytest.raises(Problem) as raised:
        open_place(access, "source mediation", {})
    assert raised.value.code is Code.BUSY


def test_a_folder_in_the_users_home_is_found(sftp: SftpServer) -> None:
    (sftp.folder / "export").mkdir()
    access = access_at(sftp.url + "~/export", key=sftp.key, known_hosts=sftp.known_hosts)
    place = open_place(access, "source mediation", {})
    assert isinstance(place.files, Sftp)
    assert place.root == "/export"
    place.files.close()


@pytest.mark.parametrize(
    ("url", "code"),
    [
        ("file:///nowhere/at/all", Code.NOT_FOUND),
        ("file://server/share", Code.INVALID),
        ("file:///a%00b", Code.INVALID),
        ("sftp://10.1.2.3/in", Code.INVALID),
        ("sftp://office@10.1.2.3:port/in", Code.INVALID),
        ("ftp://office@10.1.2.3/in", Code.INVALID),
        ("file://[", Code.INVALID),
    ],
)
def test_an_address_that_is_none_is_named(url: str, code: Code) -> None:
    with pytest.raises(Problem) as raised:
        open_place(access_at(url), "source mediation", {})
    assert raised.value.code is code


def test_a_file_is_no_folder(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(Problem) as raised:
        open_place(access_at(tmp_path / "file"), "source mediation", {})
    assert raised.value.code is Code.INVALID


def test_a_secret_is_one_line_for_its_owner_alone(tmp_path: Path) -> None:
    path = secret(tmp_path / "token", "abc.def")
    assert read_secret("source mediation", path) == "abc.def"
    path.chmod(0o640)
    with pytest.raises(Problem) as raised:
        read_secret("source mediation", path)
    assert raised.value.code is Code.NOT_ALLOWED
    for content, code in {"": Code.INVALID, "two\nlines": Code.INVALID, "x" * 20_000: Code.TOO_LARGE}.items():
        with pytest.raises(Problem) as raised:
            read_secret("source mediation", secret(tmp_path / "bad", content))
        assert raised.value.code is code
