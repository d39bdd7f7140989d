"""A node's folder is made whole and once; its state is asked of the node."""

from __future__ import annotations

import json
import stat
from pathlib import Path

from conftest import Hub, Paper

from hub.config import read_config
from hub.log.note import VerifierKey
from keys.files import read_passphrase, read_signing
from keys.trust_schema import parse_trust_list

NODE = ("--name", "610800.exchange", "--url", "https://yulin.example/", "--listen", "127.0.0.1:8443")


def test_a_node_is_made_with_three_encrypted_keys(hub: Hub, tmp_path: Path) -> None:
    made = hub("init", "--dir", tmp_path / "n", *NODE, "--json").json
    config = read_config(Path(made["config"]))
    assert config.passphrase_file is not None
    passphrase = read_passphrase(config.passphrase_file, {})
    assert read_signing(config.node_key, passphrase).kid == made["node"]["keys"][0]["kid"]
    assert read_signing(config.log_key, passphrase).public == VerifierKey.parse(made["node"]["log"]).key
    assert (
        read_signing(config.witness_key, passphrase).public == VerifierKey.parse(made["node"]["witness"]).key
    )
    for path in (config.node_key, config.log_key, config.witness_key, config.passphrase_file):
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
        assert b"ENCRYPTED" in path.read_bytes() or path == config.passphrase_file


def test_what_is_printed_goes_into_the_trust_list_as_it_is(hub: Hub, tmp_path: Path) -> None:
    node = hub("init", "--dir", tmp_path / "n", *NODE, "--json").json["node"]
    city = {"code": "610800", "name": "榆林市", "province": "陕西省", "node": node["name"], "keys": []}
    trust_list = {"version": 1, "quorum": 0, "cities": [city], "nodes": [node], "auditors": []}
    assert (
        parse_trust_list(json.dumps(trust_list).encode()).nodes["610800.exchange"].url
        == "https://yulin.example"
    )


def test_a_passphrase_file_of_ones_own_is_used(hub: Hub, tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.touch(mode=0o600)
    secret.write_text("my own\n")
    assert hub("init", "--dir", tmp_path / "n", *NODE, "--passphrase-file", secret).code == 0
    config = read_config(tmp_path / "n" / "hub.toml")
    assert config.passphrase_file == secret
    assert read_signing(config.log_key, b"my own")
    assert not (tmp_path / "n" / "keys" / "passphrase").exists()


def test_a_node_is_never_made_over_another(hub: Hub, tmp_path: Path) -> None:
    hub("init", "--dir", tmp_path, *NODE)
    before = {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
    assert hub("init", "--dir", tmp_path, *NODE).code == 1
    assert {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()} == before


def test_a_bad_address_leaves_no_keys_behind(hub: Hub, tmp_path: Path) -> None:
    bad = ("--name", "610800.exchange", "--url", "not an address", "--listen", "127.0.0.1:8443")
    said = hub("init", "--dir", tmp_path, *bad)
    assert said.code == 1
    assert "/url" in said.err
    assert list(tmp_path.iterdir()) == []


def test_a_node_that_does_not_answer_is_not_ready(hub: Hub, paper: Paper) -> None:
    config = paper.folder / "nodes" / paper.origin / "hub.toml"
    said = hub("status", "--config", config, "--json")
    assert said.code == 1
    assert said.json["ready"] is False
    assert "does not answer" in said.json["faults"][0]
    assert said.json["trust"] == {"trust-list.json": 1, "agreements.json": 1}


def test_asking_changes_nothing(hub: Hub, paper: Paper) -> None:
    home = paper.folder / "nodes" / paper.origin
    before = sorted(home.rglob("*"))
    hub("status", "--config", home / "hub.toml")
    assert sorted(home.rglob("*")) == before


def test_a_bad_name_is_explained_and_makes_no_folder(hub: Hub, tmp_path: Path) -> None:
    listen = ("--url", "https://yulin.example", "--listen", "127.0.0.1:8443")
    said = hub("init", "--dir", tmp_path / "n", "--name", "Yulin Node", *listen)
    assert said.code == 1
    assert "lower-case letters" in said.err
    assert list(tmp_path.iterdir()) == []


def test_stopping_no_laboratory_is_one_line(hub: Hub, tmp_path: Path) -> None:
    assert hub("lab", "stop", "--dir", tmp_path).out == "No laboratory is running there.\n"
