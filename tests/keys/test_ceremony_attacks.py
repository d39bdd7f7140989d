"""What an officer, a stranger or whoever carries a draft may try: nothing of it comes into force, and it is named."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from trust_officers import CITIES, Ceremony, files, greener, nothing, refusal, rewritten, without_ordos
from trust_region import NOW, listed, signing_key, unseal_key

from hub.errors import Code, Problem
from keys import trust_edits
from keys.draft_signature import (
    merge,
    read_signatures,
    sign,
    without_effect,
)
from keys.files import write_private
from keys.publication import Expiries
from keys.role_files import role_key_id
from keys.trust_documents import Documents
from keys.trust_draft import check_follows
from keys.trust_repository import open_trust_once

YULIN, ORDOS, LULIANG, XINZHOU, YANAN = CITIES


def test_two_of_five_put_nothing_in_force(ceremony: Ceremony) -> None:
    ceremony.propose("d", greener)
    ceremony.sign("d", YULIN, YANAN)
    before = files(ceremony.repository)
    assert "2 of 3" in refusal(lambda: ceremony.publish("d"), Code.BAD_SIGNATURE)
    assert files(ceremony.repository) == before


def test_under_an_expired_root_nothing_new_comes_into_force(ceremony: Ceremony) -> None:
    ceremony.now += timedelta(days=1000)
    ceremony.propose("d", greener)
    ceremony.sign("d", YULIN, ORDOS, YANAN)
    assert "root of version 1" in refusal(lambda: ceremony.publish("d"), Code.STALE)


def test_a_draft_that_lay_too_long_is_neither_signed_nor_published(ceremony: Ceremony) -> None:
    ceremony.propose("d", greener, expiries=Expiries(targets=timedelta(days=2)))
    ceremony.sign("d", YULIN, ORDOS, YANAN)
    ceremony.now += timedelta(days=3)
    refusal(lambda: ceremony.sign("d", XINZHOU), Code.STALE)
    refusal(lambda: ceremony.publish("d"), Code.STALE)


def test_the_removed_officer_signs_nothing_any_more(ceremony: Ceremony) -> None:
    ceremony.carry_out("d", without_ordos, YULIN, LULIANG, YANAN)
    ceremony.propose("e", lambda documents: documents.trust_list.update(quorum=0))
    refusal(lambda: ceremony.sign("e", ORDOS), Code.NOT_ALLOWED)


def test_the_officer_of_a_removed_city_puts_nothing_in_force_alone(ceremony: Ceremony) -> None:
    """Neither a root of its own making, nor targets under its own signature."""
    mine = ceremony.officers[ORDOS].public

    def mine_alone(documents: Documents) -> None:
        for signer in list(documents.signers["signers"]):
            if set(signer["roles"]) & {"root", "targets"} and signer["kid"] != mine.kid:
                trust_edits.remove_signer(documents, signer["kid"])

        for role in ("root", "targets"):
            trust_edits.set_threshold(documents, role, 1)

    ceremony.propose("d", mine_alone)
    ceremony.sign("d", ORDOS)
    by_old, by_new = ceremony.draft("d").standings(ceremony.base())[:2]
    assert by_new.met
    assert not by_old.met
    assert "root version 1 asks for" in refusal(lambda: ceremony.publish("d"), Code.BAD_SIGNATURE)
    ceremony.carry_out("removal", without_ordos, YULIN, LULIANG, YANAN)
    refusal(lambda: ceremony.publish("d"), Code.BAD_SIGNATURE)
    assert set(open_trust_once(ceremony.repository, NOW).cities) == {YULIN}


def test_a_draft_altered_after_a_signature_is_refused_and_its_signature_named(ceremony: Ceremony) -> None:
    ceremony.propose("d", without_ordos)
    ceremony.sign("d", YULIN)
    folder = ceremony.folder / "d"
    # The documents alone: they are not what is to be signed.
    kept = (folder / "agreements.json").read_bytes()
    (folder / "agreements.json").write_bytes(kept.replace(b'"version": 2', b'"version": 3'))
    refusal(lambda: ceremony.draft("d"), Code.BAD_SIGNATURE)
    (folder / "agreements.json").write_bytes(kept)
    # The root alone: its signers are not those of the document.
    signed = (folder / "root.json").read_bytes()
    rewritten(folder / "root.json", lambda root: root["signed"]["roles"]["root"].update(threshold=1))
    assert "root" in refusal(lambda: ceremony.draft("d"), Code.INVALID)
    # Both alike: the draft agrees with itself, and the signature counts for nothing.
    rewritten(folder / "signers.json", lambda signers: signers["thresholds"].update(root=1))
    draft = ceremony.draft("d")
    assert without_effect(draft, ceremony.base()) == (("root", role_key_id(ceremony.officers[YULIN].public)),)
    (folder / "root.json").write_bytes(signed)


def test_a_stranger_signs_nothing(ceremony: Ceremony) -> None:
    ceremony.propose("d", greener)
    draft, base = ceremony.draft("d"), ceremony.base()
    for name in ("stranger", "snapshot"):
        refusal(lambda name=name: sign(draft, base, signing_key(name), NOW), Code.NOT_ALLOWED)  # type: ignore[misc]


def test_one_key_counts_once_however_often_it_signs(ceremony: Ceremony) -> None:
    ceremony.propose("d", greener)
    ceremony.sign("d", YULIN, YULIN, YULIN)
    (standing,) = ceremony.draft("d").standings(ceremony.base())
    assert len(standing.signed) == 1


def test_signatures_that_do_not_count_are_refused_and_none_is_merged(ceremony: Ceremony) -> None:
    ceremony.propose("d", without_ordos)
    ceremony.propose("other", greener)
    base, draft = ceremony.base(), ceremony.draft("d")
    root, targets = sign(draft, base, ceremony.officers[YULIN], NOW)
    (foreign,) = sign(ceremony.draft("other"), base, ceremony.officers[YULIN], NOW)

    stranger = signing_key("stranger")
    assert draft.root is not None
    by_stranger = replace(root, kid=stranger.kid, signature=stranger.sign(draft.root.signed_bytes).hex())
    for wrong, code in (
        (foreign, Code.CONFLICT),
        (replace(targets, role="root"), Code.CONFLICT),
        (replace(root, version=3), Code.CONFLICT),
        (by_stranger, Code.NOT_ALLOWED),
        (replace(root, kid=ceremony.officers[YANAN].kid), Code.BAD_SIGNATURE),
        (replace(root, signature="00" * 64), Code.BAD_SIGNATURE),
    ):
        detail = refusal(lambda wrong=wrong: merge(draft, base, (targets, wrong), NOW), code)  # type: ignore[misc]
        assert wrong.kid in detail
        assert not draft.roles()["targets"].signatures


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"[]",
        b"{}",
        b'{"signatures": []}',
        b'{"signatures": [1]}',
        b'{"signatures": [{"role": "snapshot"}]}',
        b"\xff",
        b"[" * 9000,
        b"x" * (1 << 20),
    ],
)
def test_what_is_no_signature_file_is_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "s.json").write_bytes(content)
    with pytest.raises(Problem):
        read_signatures(tmp_path / "s.json")


def test_a_draft_that_was_overtaken_is_refused_though_it_has_all_signatures(ceremony: Ceremony) -> None:
    ceremony.propose("slow", greener)
    ceremony.sign("slow", YULIN, ORDOS, YANAN)
    ceremony.carry_out("quick", lambda documents: documents.trust_list.update(quorum=0), YULIN, ORDOS, YANAN)
    before = files(ceremony.repository)
    draft = ceremony.draft("slow")
    assert "version 2 is in force" in refusal(
        lambda: check_follows(draft, ceremony.base(), NOW), Code.CONFLICT
    )
    refusal(lambda: ceremony.publish("slow"), Code.CONFLICT)
    refusal(lambda: ceremony.propose("slow"), Code.CONFLICT)
    assert files(ceremony.repository) == before


def test_a_draft_that_goes_back_is_refused(ceremony: Ceremony) -> None:
    """The version of a document goes up with its contents; nobody is shown an old one as new."""
    ceremony.carry_out("one", greener, YULIN, ORDOS, YANAN)
    ceremony.propose("d", lambda documents: documents.agreements["agreements"][0].update(title="别名"))
    folder = ceremony.folder / "d"
    draft = ceremony.draft("d")
    draft.documents.agreements["version"] = 1
    refusal(lambda: check_follows(draft, ceremony.base(), NOW), Code.INVALID)
    rewritten(folder / "draft.json", lambda draft: draft["begun_from"].update(targets=1))
    refusal(lambda: ceremony.draft("d"), Code.INVALID)


def test_files_in_one_anothers_place_are_refused(ceremony: Ceremony) -> None:
    ceremony.propose("d", without_ordos)
    folder = ceremony.folder / "d"
    names = ("trust-list.json", "agreements.json", "signers.json", "root.json", "targets.json", "draft.json")
    whole = files(folder)
    for name in names:
        for other in names:
            if name != other:
                (folder / name).write_bytes(whole[other])
                with pytest.raises(Problem):
                    ceremony.draft("d")
                (folder / name).write_bytes(whole[name])
    assert ceremony.draft("d").roles()


def test_a_lost_or_unknown_part_is_refused(ceremony: Ceremony) -> None:
    ceremony.propose("d", without_ordos)
    folder = ceremony.folder / "d"
    whole = files(folder)
    for name in ("trust-list.json", "agreements.json", "signers.json", "draft.json"):
        (folder / name).unlink()
        refusal(lambda: ceremony.draft("d"), Code.NOT_FOUND)
        os.mkfifo(folder / name)
        refusal(lambda: ceremony.draft("d"), Code.MALFORMED)
        (folder / name).unlink()
        (folder / name).write_bytes(whole[name])
    for name in ("root.json", "targets.json"):
        (folder / name).unlink()
        draft = ceremony.draft("d")
        refusal(lambda draft=draft: check_follows(draft, ceremony.base(), NOW), Code.INVALID)  # type: ignore[misc]
        (folder / name).write_bytes(whole[name])
    for name in whole:
        rewritten(folder / name, lambda members: members.update(surprise=1))
        with pytest.raises(Problem):
            ceremony.draft("d")
        (folder / name).write_bytes(whole[name])


def test_unknown_members_anywhere_in_the_roles_are_refused(ceremony: Ceremony) -> None:
    ceremony.propose("d", without_ordos)
    ceremony.sign("d", YULIN)
    for name in ("root.json", "targets.json"):
        path = ceremony.folder / "d" / name
        whole = path.read_bytes()
        for place in list(_objects(json.loads(whole))):

            def surprise(members: Any, place: tuple[Any, ...] = place) -> None:
                for step in place:
                    members = members[step]
                members["surprise"] = "1"

            rewritten(path, surprise)
            with pytest.raises(Problem):
                ceremony.draft("d")
            path.write_bytes(whole)


def _objects(value: Any, place: tuple[Any, ...] = ()) -> Any:
    if isinstance(value, dict):
        yield place
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for step, each in inner:
        yield from _objects(each, (*place, step))


def test_a_file_of_a_hundred_megabytes_is_not_read_whole(ceremony: Ceremony) -> None:
    ceremony.propose("d", without_ordos)
    for name in files(ceremony.folder / "d"):
        path = ceremony.folder / "d" / name
        whole = path.read_bytes()
        os.truncate(path, 100 << 20)
        refusal(lambda: ceremony.draft("d"), Code.TOO_LARGE)
        path.write_bytes(whole)


def test_a_private_key_in_the_folder_is_refused(ceremony: Ceremony) -> None:
    ceremony.propose("d", greener)
    for name, passphrase in (("mine.pem", None), ("backup.txt", b"secret")):
        path = ceremony.folder / "d" / name
        write_private(path, signing_key("officer"), passphrase)
        assert name in refusal(lambda: ceremony.draft("d"), Code.NOT_ALLOWED)
        refusal(lambda: ceremony.propose("d"), Code.NOT_ALLOWED)
        path.unlink()


def test_a_signers_key_has_no_other_use(ceremony: Ceremony) -> None:
    key = ceremony.officers[YULIN].public

    def twice(documents: Documents) -> None:
        documents.trust_list["cities"][0]["keys"].append(
            listed(key, "sign", system="610800/other", kinds=["alert"])
        )

    assert "one use" in refusal(lambda: ceremony.propose("d", twice), Code.INVALID)
    witness = signing_key("610800.exchange witness").public

    def the_witness(documents: Documents) -> None:
        trust_edits.add_signer(documents, YULIN, {"jwk": witness.jwk}, ("root",))

    refusal(lambda: ceremony.propose("d", the_witness), Code.INVALID)


def test_a_root_that_the_old_signers_did_not_sign_is_not_taken_for_what_is_in_force(
    ceremony: Ceremony,
) -> None:
    other = Ceremony(ceremony.folder / "other", officers={city: signing_key(f"x {city}") for city in CITIES})
    other.begin()
    other.carry_out("d", nothing, YULIN, ORDOS, YANAN, renew=frozenset({"root"}))
    shutil.copy(other.repository / "2.root.json", ceremony.repository / "2.root.json")
    refusal(ceremony.base, Code.BAD_SIGNATURE)


@pytest.mark.parametrize(
    "edit",
    [
        lambda d: trust_edits.add_city(d, "999900", "610800.exchange"),
        lambda d: trust_edits.add_city(d, YULIN, "610800.exchange"),
        lambda d: trust_edits.add_node(d, {"name": "610800.exchange", "keys": []}),
        lambda d: trust_edits.add_node(d, {"name": 1}),
        lambda d: trust_edits.add_node(d, {"name": "n", "keys": [1]}),
        lambda d: trust_edits.remove_city(d, "999900"),
        lambda d: trust_edits.revoke(d, "nobody", NOW),
        lambda d: trust_edits.remove_signer(d, "nobody"),
        lambda d: trust_edits.end_agreement(d, "nobody", NOW),
        lambda d: trust_edits.add_party(d, "nobody", YULIN),
        lambda d: trust_edits.add_party(d, d.agreements["agreements"][0]["id"], "999900"),
        lambda d: trust_edits.set_agreement(d, {}),
        lambda d: trust_edits.set_agreement(d, {"id": "x"}),
        lambda d: trust_edits.add_signer(d, YULIN, {"jwk": "x"}, ("root",)),
        lambda d: trust_edits.add_signer(d, "x", {"jwk": signing_key("n").public.jwk}, ("root",)),
        lambda d: trust_edits.add_signer(d, YULIN, {"jwk": unseal_key("n").public.jwk}, ("root",)),
        lambda d: trust_edits.set_threshold(d, "root", 6),
        lambda d: trust_edits.set_threshold(d, "snapshot", 2),
        lambda d: trust_edits.add_key(
            d, "610800.exchange", {"log": "x"}, system=None, kinds=(), not_before=NOW, not_after=NOW
        ),
        lambda d: trust_edits.add_key(
            d, YULIN, {"witness": "x"}, system=None, kinds=(), not_before=NOW, not_after=NOW
        ),
        lambda d: trust_edits.add_key(d, YULIN, {}, system=None, kinds=(), not_before=NOW, not_after=NOW),
    ],
)
def test_an_edit_that_makes_no_sense_is_refused_and_nothing_written(
    ceremony: Ceremony, edit: Callable[[Documents], None]
) -> None:
    with pytest.raises(Problem):
        ceremony.propose("d", edit)
    assert not (ceremony.folder / "d").exists()


JSON_LIKE = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=6,
)


@given(
    file=st.sampled_from(["root.json", "targets.json", "signers.json", "trust-list.json", "draft.json"]),
    place=st.lists(st.integers(0, 9), min_size=1, max_size=6),
    value=JSON_LIKE,
)
@settings(deadline=None, max_examples=80, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_value_in_a_draft_from_elsewhere_is_read_or_a_problem(
    ceremony: Ceremony, file: str, place: list[int], value: Any
) -> None:
    shutil.rmtree(ceremony.folder / "d", ignore_errors=True)
    ceremony.propose("d", without_ordos)
    path = ceremony.folder / "d" / file
    members = json.loads(path.read_bytes())
    spot: Any = members
    for step in place[:-1]:
        inner = spot[list(spot)[step % len(spot)]] if isinstance(spot, dict) else spot[step % len(spot)]
        if not isinstance(inner, dict | list) or not inner:
            break
        spot = inner
    spot[list(spot)[place[-1] % len(spot)] if isinstance(spot, dict) else place[-1] % len(spot)] = value
    path.write_text(json.dumps(members), encoding="utf-8")
    try:
        ceremony.sign("d", YULIN, LULIANG, YANAN)
        ceremony.publish("d")
    except Problem as refused:
        assert refused.code is not Code.INTERNAL
    else:
        shutil.rmtree(ceremony.repository)
        shutil.rmtree(ceremony.folder / "first")
        ceremony.begin()
