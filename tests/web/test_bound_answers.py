"""What an answer is bound to: the request that its asker signed, and never one that he copied from somebody else."""

from __future__ import annotations

import base64
from collections.abc import Mapping

import pytest
import wire
from cryptography.exceptions import InvalidSignature
from partner import ORDOS, YULIN, Answer, Partner, World, members_of

RECORD = "/v1/records/00000000-0000-7000-8000-000000000000"
PUBLIC = (
    "/v1/schemas/alert/1",
    "/v1/schemas/nothing/1",
    "/v1/nowhere",
    "/log/checkpoint",
    "/healthz",
    "/nowhere",
)


def stolen(partner: Partner, method: str = "GET", target: str = "/v1/records") -> dict[str, str]:
    """The fields of a request that its owner signed and has not sent yet."""
    return wire.sign_request(partner.key, method, partner.url + target, None, now=partner.clock())


def is_bound(answer: Answer, asked: Mapping[str, str], partner: Partner) -> bool:
    """Whether the node signed this for the request with the fields `asked`; that it signed it at all is asserted."""
    try:
        wire.check_answer(answer.status, answer.headers, answer.body, asked, partner.node_key)
    except (AssertionError, InvalidSignature):
        wire.check_answer(answer.status, answer.headers, answer.body, {}, partner.node_key)
        return False
    return True


@pytest.mark.parametrize("target", PUBLIC)
def test_a_stolen_signature_gets_an_answer_that_is_bound_to_nothing(world: World, target: str) -> None:
    """Else a stranger could hold this answer under the nose of the one whose request it was."""
    yulin = world.partner(YULIN)
    fields = stolen(yulin)
    assert not is_bound(world.send("GET", target, None, fields), fields, yulin)


@pytest.mark.parametrize("target", PUBLIC)
def test_the_owners_own_request_gets_an_answer_bound_to_it(world: World, target: str) -> None:
    yulin = world.partner(YULIN)
    fields = stolen(yulin, target=target)
    assert is_bound(world.send("GET", target, None, fields), fields, yulin)


@pytest.mark.parametrize("method", ["DELETE", "PUT", "PATCH", "OPTIONS", "PROPFIND"])
def test_a_stolen_signature_under_another_method_is_bound_to_nothing(world: World, method: str) -> None:
    yulin = world.partner(YULIN)
    fields = stolen(yulin, target=RECORD)
    answer = world.send(method, RECORD, None, fields)
    assert answer.problem == "not-found"
    assert not is_bound(answer, fields, yulin)


def test_no_head_request_makes_a_node_say_that_anothers_record_is_not_there(world: World) -> None:
    """The body of a refusal is known without seeing it: what is signed over it alone would do for a forged one."""
    yulin = world.partner(YULIN)
    fields = stolen(yulin, target=RECORD)
    answer = world.send("HEAD", RECORD, None, fields)
    assert answer.status == 404
    unseen = world.send("DELETE", RECORD, None, {}).body
    assert answer.headers["Content-Digest"] == wire.content_digest(unseen)
    assert not is_bound(Answer(answer.status, answer.headers, unseen), fields, yulin)


def test_a_signature_with_a_body_that_was_never_sent_is_still_its_own_requests(world: World) -> None:
    yulin = world.partner(YULIN)
    fields = wire.sign_request(yulin.key, "POST", yulin.url + "/v1/records", b"{}", now=yulin.clock())
    answer = world.send("POST", "/v1/nowhere", b"{}", fields)
    assert answer.problem == "not-found"
    assert not is_bound(answer, fields, yulin)


def test_an_unknown_keys_signature_is_bound_to_nothing_outside_of_the_signed_endpoints(world: World) -> None:
    stranger = world.with_key(wire.Key.new(), YULIN)
    fields = stolen(stranger, target="/v1/nowhere")
    assert not is_bound(world.send("GET", "/v1/nowhere", None, fields), fields, stranger)


def test_a_refusal_on_a_signed_endpoint_is_bound_whatever_is_wrong_with_the_request(world: World) -> None:
    """A city whose clock is off must be able to believe that it is told so."""
    yulin = world.partner(YULIN)
    for wrong in ({"created": 5}, {"tag": "another"}, {"keyid": "x" * 43}):
        fields = wire.sign_request(
            yulin.key, "GET", yulin.url + "/v1/records", None, now=yulin.clock(), parameters=wrong
        )
        assert is_bound(world.send("GET", "/v1/records", None, fields), fields, yulin)


def test_the_signature_that_is_bound_is_sig1s_alone(world: World) -> None:
    yulin = world.partner(YULIN)
    fields = stolen(yulin, target="/v1/nowhere")
    fields["Signature"] += f", other=:{base64.b64encode(bytes(64)).decode()}:"
    fields["Signature-Input"] += ", other=();created=1"
    assert is_bound(world.send("GET", "/v1/nowhere", None, fields), fields, yulin)


# -- methods that there are not -------------- --------------------------------------------------------------


@pytest.mark.parametrize("method", ["HEAD", "OPTIONS"])
@pytest.mark.parametrize("target", ["/v1/records", "/v1/records/{id}", "/v1/records/{id}/proof"])
def test_a_record_is_neither_served_nor_marked_by_another_method(
    world: World, method: str, target: str
) -> None:
    yulin, ordos = world.partner(YULIN), world.partner(ORDOS)
    record = yulin.record()
    yulin.deliver(record)
    before = world.types()
    target = target.format(id=members_of(record)["id"])
    for signed_as in (method, "GET"):
        fields = stolen(ordos, signed_as, target)
        answer = world.send(method, target, None, fields)
        assert answer.status == 404
        assert "Allow" not in answer.headers
    assert world.types() == before
    (recipient,) = yulin.get(f"/v1/records/{members_of(record)['id']}/delivery").json["recipients"]
    assert recipient["status"] == "pending"
