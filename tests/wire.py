"""The wire contract written a second time, from its text, with nothing of the house and `cryptography` alone.

What the tests send is signed here, and what a node answers is checked here, so that `keys.message_signature` and
`keys.record_signature` are held against an implementation that shares no line with them.
"""

from __future__ import annotations

import base64
import hashlib
import json
import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key


def base64url(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).decode().rstrip("=")


def unbase64url(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def compact(value: Any) -> bytes:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode()


def thumbprint(public: Ed25519PublicKey) -> str:
    """RFC 7638, over the three members that RFC 8037 requires."""
    x = base64url(public.public_bytes_raw())
    return base64url(hashlib.sha256(f'{{"crv":"Ed25519","kty":"OKP","x":"{x}"}}'.encode()).digest())


@dataclass(frozen=True)
class Key:
    """An Ed25519 key and its id."""

    private: Ed25519PrivateKey
    kid: str

    @classmethod
    def of(cls, private: Ed25519PrivateKey) -> Key:
        return cls(private, thumbprint(private.public_key()))

    @classmethod
    def new(cls) -> Key:
        return cls.of(Ed25519PrivateKey.generate())

    @classmethod
    def read(cls, path: str | Path) -> Key:
        private = load_pem_private_key(Path(path).read_bytes(), None)
        assert isinstance(private, Ed25519PrivateKey)
        return cls.of(private)


# -- records (section 2) -------------------------------------------------------------------------------


def jws(key: Key, payload: bytes, header: Mapping[str, Any] | bytes | None = None) -> str:
    """The record of `payload`; a `header` of one's own makes one that must be refused."""
    if header is None:
        header = {"alg": "Ed25519", "typ": "record+jws", "kid": key.kid}
    octets = header if isinstance(header, bytes) else compact(header)
    signed = f"{base64url(octets)}.{base64url(payload)}"
    return f"{signed}.{base64url(key.private.sign(signed.encode()))}"


def digest(text: str | bytes) -> str:
    return hashlib.sha256(text.encode() if isinstance(text, str) else text).hexdigest()


# -- requests and answers (section 3) ------------------------------------------------------------------


def content_digest(body: bytes) -> str:
    return f"sha-256=:{base64.b64encode(hashlib.sha256(body).digest()).decode()}:"


def sign_request(
    key: Key,
    method: str,
    target: str,
    body: bytes | None,
    *,
    now: datetime,
    nonce: str | None = None,
    covered: Sequence[str] | None = None,
    parameters: Mapping[str, Any] | None = None,
    label: str = "sig1",
) -> dict[str, str]:
    """The header fields of a signed request; the last four arguments make one that must be refused.

    In `parameters` a value of None leaves the parameter out.
    """
    headers = {} if body is None else {"Content-Digest": content_digest(body)}
    if covered is None:
        covered = ["@method", "@target-uri", *(["content-digest"] if body is not None else [])]
    values = {"@method": method, "@target-uri": target, "content-digest": headers.get("Content-Digest", "")}
    chosen: dict[str, Any] = {
        "created": int(now.timestamp()),
        "nonce": nonce if nonce is not None else base64url(os.urandom(16)),
        "keyid": key.kid,
        "alg": "ed25519",
        "tag": "exchange",
        **(parameters or {}),
    }
    names = " ".join(f'"{name}"' for name in covered)
    written = "".join(
        f";{name}={value}" if isinstance(value, int) else f';{name}="{value}"'
        for name, value in chosen.items()
        if value is not None
    )
    lines = [f'"{name}": {values[name]}' for name in covered]
    base = "\n".join([*lines, f'"@signature-params": ({names}){written}'])
    signature = base64.b64encode(key.private.sign(base.encode())).decode()
    return {
        **headers,
        "Signature-Input": f"{label}=({names}){written}",
        "Signature": f"{label}=:{signature}:",
    }


def signature_base(method: str, target: str, headers: Mapping[str, str]) -> bytes:
    """What a signed request's signature is over (RFC 9421 section 2.5), from its header fields."""
    values = {"@method": method, "@target-uri": target, "content-digest": headers.get("Content-Digest", "")}
    parameters = headers["Signature-Input"].removeprefix("sig1=")
    names = re.findall(r'"([^"]+)"', parameters[: parameters.index(")")])
    lines = [f'"{name}": {values[name]}' for name in names]
    return "\n".join([*lines, f'"@signature-params": {parameters}']).encode()


def check_answer(
    status: int,
    headers: Mapping[str, str],
    body: bytes,
    asked: Mapping[str, str],
    key: Ed25519PublicKey,
) -> None:
    """Assert that `key` signed this answer, to the request with the header fields `asked`."""
    assert headers["Content-Digest"] == content_digest(body)
    found = re.fullmatch(r"sig1=(\(([^)]*)\)(.*))", headers["Signature-Input"])
    assert found is not None
    parameters = dict(each.split("=", 1) for each in found[3].split(";")[1:])
    assert parameters["keyid"] == f'"{thumbprint(key)}"'
    assert parameters["alg"] == '"ed25519"'
    assert parameters["tag"] == '"exchange"'
    assert parameters["created"].isdigit()
    values = {'"@status"': str(status), '"content-digest"': headers["Content-Digest"]}
    asked_for = re.findall(r"(?:^|, ?)sig1=([^,]*)", asked.get("Signature", ""))
    if asked_for:
        values['"signature";key="sig1";req'] = asked_for[-1]
    assert found[2].split(" ") == list(values)
    base = "\n".join(
        [*(f"{name}: {value}" for name, value in values.items()), f'"@signature-params": {found[1]}']
    )
    signature = re.fullmatch(r"sig1=:([A-Za-z0-9+/]+=*):", headers["Signature"])
    assert signature is not None
    key.verify(base64.b64decode(signature[1], validate=True), base.encode())
