"""How another process has something done to a running lab: a file that only its owner may read, and a line each way.

`DIR/control.json`, mode 0600, names a loopback port and a token. A request is one line of JSON, `{"token", "verb",
"nodes", "stall"}`; so is the answer, either how it is now or `{"problem": {"code", "detail"}}`. Whoever cannot read the
file knows no token, and is told so.
"""

from __future__ import annotations

import hmac
import secrets
import socket
import threading
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

from hub.errors import Code, Problem
from schemas import strict_json

CONTROL_FILE: Final = "control.json"
LINE_BYTES: Final = 64 * 1024
ASKING_SECONDS: Final = 2.0
"""So long a request may take to come."""
ANSWER_SECONDS: Final = 90.0

Act = Callable[[str, Sequence[str], bool], Mapping[str, Any]]
"""Does what is asked for (verb, nodes, stall); how it is then. Raises: Problem."""


class Control:
    """The lab's end. A context manager: leaving it removes the file, and answers nobody any more."""

    def __init__(self, folder: Path, act: Act) -> None:
        self._path = folder / CONTROL_FILE
        self._act = act
        self._token = secrets.token_urlsafe(24)
        self._listener = socket.socket()
        self._thread = threading.Thread(target=self._answer, name="control", daemon=True)

    def __enter__(self) -> Control:
        self._listener.bind(("127.0.0.1", 0))
        self._listener.listen()
        self._path.unlink(missing_ok=True)
        self._path.touch(mode=0o600)
        self._path.write_bytes(
            strict_json.dumps({"port": self._listener.getsockname()[1], "token": self._token}) + b"\n"
        )
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._path.unlink(missing_ok=True)
        # Closing alone would not wake whoever waits in `accept`.
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._thread.join(ASKING_SECONDS)

    def _answer(self) -> None:
        while True:
            try:
                peer, _ = self._listener.accept()
            except OSError:
                return
            with peer, suppress(OSError):
                peer.settimeout(ASKING_SECONDS)
                peer.sendall(strict_json.dumps(self._done(peer)) + b"\n")

    def _done(self, peer: socket.socket) -> Mapping[str, Any]:
        try:
            asked = strict_json.loads(_line(peer))
            if not hmac.compare_digest(str(asked["token"]).encode(), self._token.encode()):
                raise Problem(
                    Code.NOT_ALLOWED, "the token is another than the one in the laboratory's folder"
                )
            return self._act(
                str(asked["verb"]), [str(each) for each in asked["nodes"]], asked["stall"] is True
            )
        except Problem as problem:
            return {"problem": {"code": str(problem.code), "detail": problem.detail}}
        except (KeyError, TypeError, AttributeError):
            return {"problem": {"code": str(Code.MALFORMED), "detail": "not a request to a laboratory"}}


def ask(folder: Path, verb: str, nodes: Sequence[str] = (), *, stall: bool = False) -> Any:
    """Have something done to the lab that runs in `folder`; how it is then.

    Raises: Problem `not-found` where none runs there, `busy` where it does not answer, and what the lab refuses.
    """
    path = folder / CONTROL_FILE
    try:
        held = strict_json.loads(path.read_bytes())
    except FileNotFoundError:
        raise Problem(
            Code.NOT_FOUND, f"no lab is running in {folder}; `hub lab start --dir {folder}` starts one"
        ) from None
    except OSError as error:
        raise Problem(Code.NOT_ALLOWED, f"{path} cannot be read: {error.strerror}") from error
    request = {"token": held["token"], "verb": verb, "nodes": list(nodes), "stall": stall}
    try:
        with socket.create_connection(("127.0.0.1", held["port"]), timeout=ANSWER_SECONDS) as peer:
            peer.sendall(strict_json.dumps(request) + b"\n")
            answer = strict_json.loads(_line(peer))
    except OSError as error:
        raise Problem(Code.BUSY, f"the lab in {folder} does not answer ({type(error).__name__})") from error
    if "problem" in answer:
        raise Problem(Code(answer["problem"]["code"]), answer["problem"]["detail"])
    return answer


class Remote:
    """A running lab's nodes and links, for `chaos.Chaos`."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def cut(self, one: str, other: str, *, stall: bool = False) -> None:
        ask(self._folder, "cut", (one, other), stall=stall)

    def heal(self, one: str, other: str) -> None:
        ask(self._folder, "heal", (one, other))

    def kill(self, node: str) -> None:
        ask(self._folder, "kill", (node,))

    def revive(self, node: str) -> None:
        ask(self._folder, "revive", (node,))

    def mend(self) -> Any:
        """Heal every link and revive every node; how it is then."""
        state = ask(self._folder, "state")
        for link in state["links"]:
            self.heal(*link["nodes"])
        for node in state["nodes"]:
            if not node["up"]:
                self.revive(node["name"])
        return ask(self._folder, "state")


def _line(peer: socket.socket) -> bytes:
    """What comes up to the end of a line. Raises: OSError, Problem `too-large`."""
    received = bytearray()
    while not received.endswith(b"\n"):
        part = peer.recv(LINE_BYTES)
        if not part:
            raise ConnectionError("the other side ended")
        received += part
        if len(received) > LINE_BYTES:
            raise Problem(Code.TOO_LARGE, "a line of the control is too long")
    return bytes(received)
