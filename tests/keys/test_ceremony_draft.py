"""Drafts by hand, three of five: edited, signed one after another, renewed, put in force and broken off."""

from __future__ import annotations

import shutil
from datetime import timedelta
from pathlib import Path

import pytest
from trust_officers import CITIES, Ceremony, files, greener, nothing, refusal, rewritten, without_ordos
from trust_region import NOW, signing_key, unseal_key

from hub.errors import Code, Problem
from keys import publication, trust_edits
from keys.draft_signature import (
    encode_signatures,
    merge,
    read_signatures,
    sign,
)
from keys.role_files import role_key_id
from keys.trust_documents import Documents
from keys.trust_repository import open_trust, open_trust_once

YULIN, ORDOS, LULIANG, XINZHOU, YANAN = CITIES


def test_three_of_five_make_a_repository_that_a_node_believes(ceremony: Ceremony) -> None:
    found = open_trust(ceremony.repository, ceremony.folder / "state", NOW)
    assert set(found.cities) == {YULIN, ORDOS}
    assert set(found.role_expiries) == {"root", "targets", "snapshot", "timestamp"}


def test_a_draft_is_only_what_changes(ceremony: Ceremony) -> None:
    assert ceremony.propose("d").draft.roles() == {}
    ceremony.propose("d", greener)
    assert set(ceremony.draft("d").roles()) == {"targets"}
    documents = ceremony.draft("d").documents
    assert (documents.agreements["version"], documents.trust_list["version"]) == (2, 1)


def test_a_draft_keeps_the_time_at_which_it_was_begun(ceremony: Ceremony) -> None:
    begun = ceremony.now
    ceremony.propose("d")
    ceremony.now += timedelta(days=2)
    assert ceremony.propose("d", greener).draft.begun_at == begun
    assert ceremony.draft("d").begun_at == begun


def test_a_draft_need_not_say_when_it_was_begun(ceremony: Ceremony) -> None:
    ceremony.propose("d", greener)
    rewritten(ceremony.folder / "d" / "draft.json", lambda members: members.pop("begun_at"))
    assert ceremony.draft("d").begun_at is None
    ceremony.now += timedelta(days=2)
    assert ceremony.propose("d").draft.begun_at == ceremony.now


def test_a_time_of_beginning_that_is_none_is_refused(ceremony: Ceremony) -> None:
    ceremony.propose("d", greener)
    for wrong in (None, 7, "", "yesterday", "2026-11-21T08:30:00", "0001-01-01T00:00:00+14:00", ["x"]):
        rewritten(ceremony.folder / "d" / "draft.json", lambda members, w=wrong: members.update(begun_at=w))
        refusal(lambda: ceremony.draft("d"), Code.MALFORMED)


def test_a_renewal_changes_nothing_but_the_dates(ceremony: Ceremony) -> None:
    ceremony.now += timedelta(days=100)
    before = ceremony.base()
    ceremony.carry_out("d", nothing, YULIN, ORDOS, YANAN, renew=frozenset({"root", "targets"}))
    after = ceremony.base()
    assert before is not None
    assert after is not None
    assert after.documents == before.documents
    assert after.root.signed.expires - before.root.signed.expires == timedelta(days=100)
    assert open_trust_once(ceremony.repository, ceremony.now).targets[0].version == 1


def test_an_expired_repository_can_still_be_renewed(ceremony: Ceremony) -> None:
    ceremony.now += timedelta(days=1000)
    with pytest.raises(Problem):
        open_trust_once(ceremony.repository, ceremony.now)
    ceremony.carry_out("d", nothing, YULIN, ORDOS, YANAN, renew=frozenset({"root", "targets"}))
    assert open_trust_once(ceremony.repository, ceremony.now).cities


def test_edits_by_hand_are_taken_up_and_the_versions_raised(ceremony: Ceremony) -> None:
    ceremony.propose("d")
    rewritten(ceremony.folder / "d" / "trust-list.json", lambda list_: list_.update(quorum=2, version=99))
    ceremony.propose("d")
    trust_list = ceremony.draft("d").documents.trust_list
    assert (trust_list["quorum"], trust_list["version"]) == (2, 2)


def test_a_change_that_is_taken_back_leaves_nothing_to_sign(ceremony: Ceremony) -> None:
    ceremony.propose("d", greener)

    def amber(documents: Documents) -> None:
        documents.agreements["agreements"][0]["highest_marking"] = "amber"

    assert ceremony.propose("d", amber).draft.roles() == {}
    assert not (ceremony.folder / "d" / "targets.json").exists()


def test_signatures_stay_under_what_says_the_same_and_go_with_what_does_not(ceremony: Ceremony) -> None:
    ceremony.propose("d", without_ordos)
    ceremony.sign("d", YULIN)
    again = ceremony.propose("d", now=NOW + timedelta(days=1))
    assert again.dropped == ()
    assert all(role.signatures for role in again.draft.roles().values())
    changed = ceremony.propose("d", lambda documents: documents.trust_list.update(quorum=0))
    assert [role for role, _ in changed.dropped] == ["targets"]
    root = changed.draft.root
    assert root is not None
    assert set(root.signatures) == {role_key_id(ceremony.officers[YULIN].public)}


def test_a_wrong_draft_is_not_written(ceremony: Ceremony) -> None:
    ceremony.propose("d", greener)
    before = files(ceremony.folder / "d")

    def lose_a_party(documents: Documents) -> None:
        documents.agreements["agreements"][0]["parties"].append("140900")

    refusal(lambda: ceremony.propose("d", lose_a_party), Code.INVALID)
    assert files(ceremony.folder / "d") == before


def test_a_folder_that_holds_something_else_is_not_made_a_draft(ceremony: Ceremony) -> None:
    (ceremony.folder / "d").mkdir()
    (ceremony.folder / "d" / "notes.txt").write_text("x")
    refusal(lambda: ceremony.propose("d"), Code.CONFLICT)


def test_a_removed_city_takes_its_officer_out_of_the_root(ceremony: Ceremony) -> None:
    ceremony.carry_out("d", without_ordos, YULIN, LULIANG, YANAN)
    found = open_trust(ceremony.repository, ceremony.folder / "state", NOW)
    assert set(found.cities) == {YULIN}
    assert set(found.nodes) == {"610800.exchange"}
    assert not found.agreements
    base = ceremony.base()
    assert base is not None
    assert ORDOS not in {signer["city"] for signer in base.documents.signers["signers"]}
    assert base.root.signed.version == 2


def test_a_city_that_joins_becomes_party_to_an_agreement_once(ceremony: Ceremony) -> None:
    def join(documents: Documents) -> None:
        trust_edits.add_city(documents, LULIANG, "610800.exchange")
        for _ in range(2):
            trust_edits.add_party(documents, documents.agreements["agreements"][0]["id"], LULIANG)

    ceremony.carry_out("d", join, YULIN, LULIANG, YANAN)
    found = open_trust(ceremony.repository, ceremony.folder / "state", NOW)
    (agreement,) = found.agreements.values()
    assert sorted(agreement.parties) == sorted([YULIN, ORDOS, LULIANG])


def test_a_change_of_signers_needs_those_who_were_and_those_who_will_be(ceremony: Ceremony) -> None:
    newcomers = {city: signing_key(f"new {city}") for city in (YULIN, LULIANG, YANAN)}

    def exchange(documents: Documents) -> None:
        for city, key in newcomers.items():
            trust_edits.remove_signer(documents, ceremony.officers[city].kid)
            trust_edits.add_signer(documents, city, {"jwk": key.public.jwk}, ("root", "targets"))

    ceremony.propose("d", exchange)
    ceremony.sign("d", YULIN, LULIANG, YANAN)
    by_old, by_new = ceremony.draft("d").standings(ceremony.base())[:2]
    assert (by_old.met, by_new.met) == (True, False)
    refusal(lambda: ceremony.publish("d"), Code.BAD_SIGNATURE)
    ceremony.officers |= newcomers
    ceremony.sign("d", YULIN, LULIANG, YANAN)
    ceremony.publish("d")
    assert open_trust(ceremony.repository, ceremony.folder / "state", NOW).cities


def test_signatures_travel_in_small_files(ceremony: Ceremony) -> None:
    ceremony.propose("d", without_ordos)
    for city in (YULIN, LULIANG, YANAN):
        office = ceremony.folder / f"office-{city}"
        shutil.copytree(ceremony.folder / "d", office / "d")
        there = Ceremony(office, officers=ceremony.officers)
        made = sign(there.draft("d"), ceremony.base(), ceremony.officers[city], NOW)
        (office / "signature.json").write_bytes(encode_signatures(made))
        draft = ceremony.draft("d")
        merge(draft, ceremony.base(), read_signatures(office / "signature.json"), NOW)
        draft.save()
    ceremony.publish("d")
    assert set(open_trust_once(ceremony.repository, NOW).cities) == {YULIN}


def test_a_publication_killed_at_any_write_can_be_repeated(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Until the last write readers see the old repository, or, between the new root and the timestamp, one that they
    refuse, since the removed officer signed its targets; they go on with what they had.
    """
    writes = 0
    real = publication.write_file
    for number in range(1, 9):
        ceremony = Ceremony(tmp_path / str(number))
        ceremony.begin()
        ceremony.propose("d", without_ordos)
        ceremony.sign("d", YULIN, LULIANG, YANAN)
        done = 0

        def failing(path: Path, content: bytes, last: int = number) -> None:
            nonlocal done
            done += 1
            if done == last:
                raise InterruptedError
            real(path, content)

        with monkeypatch.context() as broken:
            broken.setattr(publication, "write_file", failing)
            try:
                ceremony.publish("d")
            except InterruptedError:
                writes = number
        if number == 6:
            refusal(lambda: open_trust_once(ceremony.repository, NOW), Code.BAD_SIGNATURE)  # noqa: B023
        else:
            seen = set(open_trust_once(ceremony.repository, NOW).cities)
            assert seen == ({YULIN} if number > 6 else {YULIN, ORDOS})
        ceremony.publish("d")
        assert set(open_trust_once(ceremony.repository, NOW).cities) == {YULIN}
        whole = files(ceremony.repository)
        ceremony.publish("d", now=NOW + timedelta(days=1))
        assert files(ceremony.repository) == whole, "what is in force is not published again"
    assert writes == 6


def test_a_replaced_key_ends_later_and_the_new_one_takes_its_place(ceremony: Ceremony) -> None:
    old, new = unseal_key(ORDOS), unseal_key("new seal of ordos")
    until = NOW + timedelta(days=30)

    def exchange(documents: Documents) -> None:
        trust_edits.replace_key(
            documents,
            old.kid,
            {"kid": new.kid, "jwk": new.public.jwk},
            not_before=NOW,
            not_after=NOW + timedelta(days=900),
            old_until=until,
        )

    ceremony.carry_out("d", exchange, YULIN, ORDOS, YANAN)
    found = open_trust_once(ceremony.repository, NOW)
    seal = found.seal_key(ORDOS, NOW)
    assert seal is not None
    assert seal.kid == new.kid
    held = found.key(old.kid)
    assert held is not None
    assert held.not_after == until


def test_revoking_a_city_revokes_all_its_keys_and_keeps_them_listed(ceremony: Ceremony) -> None:
    ceremony.carry_out("d", lambda documents: trust_edits.revoke(documents, ORDOS, NOW), YULIN, ORDOS, YANAN)
    city = open_trust_once(ceremony.repository, NOW).cities[ORDOS]
    assert [key.revoked_at for key in city.keys] == [NOW, NOW]
