"""Keys are made once, shown by their public halves, and replaced without losing the old one."""

from __future__ import annotations

import stat
from pathlib import Path

from conftest import Hub

from hub.log.note import COSIGNATURE, VerifierKey
from keys.files import read_signing, read_unseal


def test_a_new_key_is_its_owners_alone(hub: Hub, tmp_path: Path) -> None:
    said = hub("keys", "new", "--use", "sign", "--out", tmp_path / "a.pem", "--no-passphrase", "--json")
    assert said.code == 0
    assert stat.S_IMODE((tmp_path / "a.pem").stat().st_mode) == 0o600
    assert said.json["kid"] == read_signing(tmp_path / "a.pem", None).kid
    assert said.json["trust_list"] == {"kid": said.json["kid"], "use": "sign", "jwk": said.json["jwk"]}


def test_an_unencrypted_key_has_to_be_asked_for(hub: Hub, tmp_path: Path) -> None:
    said = hub("keys", "new", "--use", "sign", "--out", tmp_path / "a.pem")
    assert said.code == 1
    assert "--no-passphrase" in said.err
    assert not (tmp_path / "a.pem").exists()


def test_a_key_is_encrypted_with_the_passphrase_of_the_environment(hub: Hub, tmp_path: Path) -> None:
    path = tmp_path / "a.pem"
    assert hub("keys", "new", "--use", "seal", "--out", path, HUB_PASSPHRASE="secret").code == 0
    assert hub("keys", "show", path).code == 1
    assert hub("keys", "show", path, "--json", HUB_PASSPHRASE="secret").json["jwk"]["crv"] == "X25519"
    assert read_unseal(path, b"secret").kid


def test_a_key_is_never_written_over_another(hub: Hub, tmp_path: Path) -> None:
    path = tmp_path / "a.pem"
    assert hub("keys", "new", "--use", "sign", "--out", path, "--no-passphrase").code == 0
    before = path.read_bytes()
    assert hub("keys", "new", "--use", "sign", "--out", path, "--no-passphrase").code == 1
    assert path.read_bytes() == before


def test_a_witness_key_is_shown_as_a_verifier_key(hub: Hub, tmp_path: Path) -> None:
    path = tmp_path / "w.pem"
    arguments = ("--use", "witness", "--out", path, "--no-passphrase", "--name", "610800.exchange", "--json")
    snippet = hub("keys", "new", *arguments).json["trust_list"]
    verifier = VerifierKey.parse(snippet["witness"])
    assert (verifier.name, verifier.type) == ("610800.exchange", COSIGNATURE)
    assert verifier.key == read_signing(path, None).public


def test_a_use_that_does_not_fit_the_key_is_refused(hub: Hub, tmp_path: Path) -> None:
    hub("keys", "new", "--use", "seal", "--out", tmp_path / "s.pem", "--no-passphrase")
    assert hub("keys", "show", tmp_path / "s.pem", "--use", "sign").code == 1


def test_rotating_keeps_the_old_key_under_its_id(hub: Hub, tmp_path: Path) -> None:
    path = tmp_path / "node.pem"
    old = hub("keys", "new", "--use", "node", "--out", path, "--no-passphrase", "--json").json["kid"]
    said = hub("keys", "rotate", path, "--no-passphrase", "--json").json
    kept = tmp_path / f"node-{old}.pem"
    assert said["old"] == {"kid": old, "file": str(kept)}
    assert read_signing(kept, None).kid == old
    assert read_signing(path, None).kid == said["new"]["kid"] != old
    assert sorted(each.name for each in tmp_path.iterdir()) == sorted((path.name, kept.name))


def test_rotating_says_what_to_do_next(hub: Hub, tmp_path: Path) -> None:
    path = tmp_path / "seal.pem"
    hub("keys", "new", "--use", "seal", "--out", path, "--no-passphrase")
    said = hub("keys", "rotate", path, "--no-passphrase")
    assert "Keep the old key: what was sealed to it opens with nothing else." in said.out


def test_a_wrong_passphrase_changes_nothing(hub: Hub, tmp_path: Path) -> None:
    path = tmp_path / "node.pem"
    hub("keys", "new", "--use", "node", "--out", path, HUB_PASSPHRASE="right")
    before = path.read_bytes()
    assert hub("keys", "rotate", path, HUB_PASSPHRASE="wrong").code == 1
    assert [each.name for each in tmp_path.iterdir()] == ["node.pem"]
    assert path.read_bytes() == before


def test_a_use_that_does_not_fit_is_refused_before_anything_is_replaced(hub: Hub, tmp_path: Path) -> None:
    path = tmp_path / "seal.pem"
    hub("keys", "new", "--use", "seal", "--out", path, "--no-passphrase")
    before = path.read_bytes()
    said = hub("keys", "rotate", path, "--use", "sign", "--no-passphrase")
    assert said.err.startswith("✗ The key is not one for that use")
    assert {each.name: each.read_bytes() for each in tmp_path.iterdir()} == {"seal.pem": before}


def test_a_bad_name_is_refused_before_anything_is_replaced(hub: Hub, tmp_path: Path) -> None:
    path = tmp_path / "w.pem"
    hub("keys", "new", "--use", "witness", "--out", path, "--no-passphrase")
    before = path.read_bytes()
    said = hub("keys", "rotate", path, "--use", "witness", "--name", "no name", "--no-passphrase")
    assert said.code == 1
    assert {each.name: each.read_bytes() for each in tmp_path.iterdir()} == {"w.pem": before}


def test_the_key_of_a_log_is_not_replaced(hub: Hub, tmp_path: Path) -> None:
    path = tmp_path / "log.pem"
    hub("keys", "new", "--use", "log", "--out", path, "--no-passphrase", "--name", "610800.exchange")
    before = path.read_bytes()
    said = hub("keys", "rotate", path, "--use", "log", "--no-passphrase")
    assert said.code == 1
    assert "a new key is a new log" in said.err
    assert {each.name: each.read_bytes() for each in tmp_path.iterdir()} == {"log.pem": before}


def test_a_nodes_log_key_is_known_by_its_configuration(hub: Hub, tmp_path: Path) -> None:
    home = tmp_path / "node"
    listen = ("--url", "https://yulin.example", "--listen", "127.0.0.1:8443")
    hub("init", "--dir", home, "--name", "610800.exchange", *listen)
    secret = ("--passphrase-file", home / "keys" / "passphrase")
    assert "a new key is a new log" in hub("keys", "rotate", home / "keys" / "log.pem", *secret).err
    assert hub("keys", "rotate", home / "keys" / "node.pem", *secret).code == 0
    witness = hub("keys", "rotate", home / "keys" / "witness.pem", *secret)
    assert "in the old one's place" in witness.out
    assert "beside the old one" not in witness.out


def test_a_verifier_key_needs_the_nodes_name_and_that_is_said(hub: Hub, tmp_path: Path) -> None:
    said = hub("keys", "new", "--use", "log", "--out", tmp_path / "l.pem", "--no-passphrase")
    assert "needs the node's name" in said.out
    assert f"hub keys show {tmp_path / 'l.pem'} --use log --name NAME" in said.out
