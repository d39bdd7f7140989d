"""A node that lies: what it answers is changed on its way out, and signed anew where the lie is the node's own."""

from __future__ import annotations

import base64
import json
import re
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

import wire

from keys.suite import SigningKey


@dataclass
class Told:
    """An answer before it is sent."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


Lie = Callable[[Told], None]


class Liar:
    """WSGI around a node's application. `lie` changes answers to requests whose path and method match."""

    def __init__(self, application: Callable[..., Any], key: SigningKey) -> None:
        self._application = application
        self._key = key
        self._lies: list[tuple[str, str, Lie, bool]] = []
        self.asked: list[str] = []

    def lie(self, change: Lie, method: str = "GET", path: str = "/v1/records", signed: bool = True) -> None:
        """Change every such answer from now on; `signed` is whether the node signs its lie."""
        self._lies.append((method, path, change, signed))

    def lie_in_json(self, change: Callable[[Any], Any], **where: Any) -> None:
        """Change the document, in place or by returning another."""

        def rewrite(told: Told) -> None:
            document = told.json
            changed = change(document)
            told.body = wire.compact(document if changed is None else changed)

        self.lie(rewrite, **where)

    def __call__(self, environ: dict[str, Any], start: Callable[..., Any]) -> Iterable[bytes]:
        self.asked.append(f"{environ['REQUEST_METHOD']} {environ['PATH_INFO']}")
        environ.pop("HTTP_ACCEPT_ENCODING", None)
        kept: dict[str, Any] = {}

        def keep(status: str, headers: list[tuple[str, str]], *_: Any) -> None:
            kept.update(status=int(status.split(maxsplit=1)[0]), headers=dict(headers))

        told = Told(200, {}, b"".join(self._application(environ, keep)))
        told.status, told.headers = kept["status"], kept["headers"]
        for method, path, change, signed in self._lies:
            if environ["REQUEST_METHOD"] == method and environ["PATH_INFO"].startswith(path):
                change(told)
                if signed:
                    told.headers |= self._sign(told, environ)
                told.headers.setdefault("Content-Length", str(len(told.body)))
                if signed:
                    told.headers["Content-Length"] = str(len(told.body))
        start(f"{told.status} told", list(told.headers.items()))
        return [told.body]

    def _sign(self, told: Told, environ: dict[str, Any]) -> dict[str, str]:
        digest = wire.content_digest(told.body)
        asked = re.findall(r"sig1=([^,]*)", environ.get("HTTP_SIGNATURE", ""))
        values = {'"@status"': str(told.status), '"content-digest"': digest}
        if asked:
            values['"signature";key="sig1";req'] = asked[0]
        created = f'created={int(time.time())};keyid="{self._key.kid}"'
        parameters = f'({" ".join(values)});{created};alg="ed25519";tag="exchange"'
        base = "\n".join(
            [*(f"{name}: {value}" for name, value in values.items()), f'"@signature-params": {parameters}']
        )
        signature = base64.b64encode(self._key.sign(base.encode())).decode()
        return {
            "Content-Digest": digest,
            "Signature-Input": f"sig1={parameters}",
            "Signature": f"sig1=:{signature}:",
        }
