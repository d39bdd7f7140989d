"""The plain spelling of this profile's signature fields, read and written without a general parser.

Almost every request spells its fields as the wire contract's example does: one label, the components in their order,
five parameters, nothing besides. Reading that with a structured-field parser costs three times the signature itself,
so it is matched here by patterns, and whatever is spelt otherwise is left to the library
(`keys/message_signature.py`). A property test holds the two together: what is plain means the same to both.
"""

from __future__ import annotations

import re
from base64 import b64decode, b64encode
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

_PARAMETERS: Final = (
    r'(?:;(?:created=[0-9]{1,11}|nonce="[A-Za-z0-9+/=_-]{1,256}"|keyid="[A-Za-z0-9_-]{1,128}"'
    r'|alg="ed25519"|tag="exchange")){5}'
)
_INPUT: Final = re.compile(rf'sig1=(\("@method" "@target-uri"( "content-digest")?\)({_PARAMETERS}))')
_PARAMETER: Final = re.compile(r';([a-z]+)="?([^";]*)"?')
_SIGNATURE: Final = re.compile(r"sig1=(:([A-Za-z0-9+/]{86}==):)")
_DIGEST: Final = re.compile(r"sha-256=:[A-Za-z0-9+/]{43}=:")
_ADDRESS: Final = re.compile(r"https?://[a-z0-9.:-]+/[A-Za-z0-9/._~%?&=,+-]*")


@dataclass(frozen=True, slots=True)
class PlainRequest:
    """A request's signature in plain spelling: what it says, and the bytes that it must be over."""

    created: int
    nonce: str
    kid: str
    covers_body: bool
    base: str
    """The signature base (RFC 9421 §2.5)."""
    signature: bytes


def read_request(method: str, target_uri: str, fields: Mapping[str, str]) -> PlainRequest | None:
    """The signature of a request if it is spelt plainly, None to ask the library.

    `fields` has lower-case names.
    """
    given = _INPUT.fullmatch(fields.get("signature-input", ""))
    signed = _SIGNATURE.fullmatch(fields.get("signature", ""))
    if given is None or signed is None or not method.isupper() or not _ADDRESS.fullmatch(target_uri):
        return None
    parameters = dict(_PARAMETER.findall(given[3]))
    signature = b64decode(signed[2])
    if len(parameters) != 5 or b64encode(signature).decode() != signed[2]:
        return None
    lines = [f'"@method": {method}', f'"@target-uri": {target_uri}']
    if given[2]:
        digest = fields.get("content-digest", "")
        if not _DIGEST.fullmatch(digest):
            return None
        lines.append(f'"content-digest": {digest}')
    lines.append(f'"@signature-params": {given[1]}')
    return PlainRequest(
        int(parameters["created"]),
        parameters["nonce"],
        parameters["keyid"],
        given[2] is not None,
        "\n".join(lines),
        signature,
    )


def signature_of(fields: Mapping[str, str]) -> str | None:
    """The value of a request's `"signature";key="sig1"` if the field is spelt plainly."""
    signed = _SIGNATURE.fullmatch(fields.get("signature", ""))
    if signed is None or b64encode(b64decode(signed[2])).decode() != signed[2]:
        return None
    return signed[1]


def answer_base(
    status: int, digest: str, bound_to: str | None, *, created: int, kid: str, label: str
) -> tuple[str, str]:
    """The parameters and the signature base of an answer, bound to a request's signature where there is one."""
    covered = ['"@status"', '"content-digest"']
    lines = [f'"@status": {status}', f'"content-digest": {digest}']
    if bound_to is not None:
        covered.append(f'"signature";key="{label}";req')
        lines.append(f'"signature";key="{label}";req: {bound_to}')
    parameters = f'({" ".join(covered)});created={created};keyid="{kid}";alg="ed25519";tag="exchange"'
    lines.append(f'"@signature-params": {parameters}')
    return parameters, "\n".join(lines)
