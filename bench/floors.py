"""What the figures are held against, each measured in the same run: Ed25519, SHA-256, an empty Flask POST.

`python -m bench.floors PORT WORKERS THREADS` serves the empty POST.
"""

from __future__ import annotations

import multiprocessing
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from hashlib import sha256
from typing import Final

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from flask import Flask, Response

from bench.records import Prepared
from hub.lab.building import free_port
from hub.serving import server
from keys.key import base64url_decode
from keys.suite import VerifyKey

READY_SECONDS: Final = 30


def ed25519_per_second(records: Sequence[Prepared], key: VerifyKey, seconds: float = 2.0) -> float:
    """Verifications a second on one thread by `cryptography` alone, over the records' own bytes."""
    bare = Ed25519PublicKey.from_public_bytes(key.raw)
    signed = []
    for each in records[:256]:
        signing_input, _, signature = each.jws.rpartition(".")
        signed.append((base64url_decode(signature.encode()), signing_input.encode()))
    done, started = 0, time.perf_counter()
    while (spent := time.perf_counter() - started) < seconds:
        for signature_bytes, message in signed:
            bare.verify(signature_bytes, message)
        done += len(signed)
    return done / spent


def cores() -> int:
    return os.cpu_count() or 1


def sha256_seconds(entries: Sequence[bytes]) -> float:
    """The time of as many SHA-256 as a tree over `entries` has hashes, leaves and nodes, and nothing else."""
    node = bytes(65)
    leaves = [b"\x00" + entry for entry in entries]
    started = time.perf_counter()
    for leaf in leaves:
        sha256(leaf).digest()
    for _ in range(len(leaves) - 1):
        sha256(node).digest()
    return time.perf_counter() - started


@contextmanager
def empty_post(workers: int, threads: int) -> Iterator[tuple[str, int]]:
    """An empty Flask application on the node's server with the node's settings: its address and pid."""
    port = free_port()
    process = subprocess.Popen(
        [sys.executable, "-m", "bench.floors", str(port), str(workers), str(threads)],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
    )
    try:
        _wait_listening(port, process)
        yield f"http://127.0.0.1:{port}", process.pid
    finally:
        process.terminate()
        try:
            process.wait(15)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _wait_listening(port: int, process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + READY_SECONDS
    while time.monotonic() < deadline and process.poll() is None:
        try:
            with socket.create_connection(("127.0.0.1", port), timeout=1) as peer:
                peer.sendall(b"GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
                if peer.recv(16).startswith(b"HTTP/1.1"):
                    return
        except OSError:
            time.sleep(0.05)
    raise RuntimeError("the empty Flask application does not start")


def empty_application() -> Flask:
    """What Granian's workers load."""
    application = Flask(__name__, static_folder=None)

    @application.post("/v1/records")
    def post() -> Response:
        return Response(b"{}", mimetype="application/json")

    return application


def _serve(port: int, workers: int, threads: int) -> None:
    multiprocessing.set_start_method("spawn", force=True)
    server("bench.floors:empty_application", "127.0.0.1", port, workers, threads).serve()


if __name__ == "__main__":
    _serve(*map(int, sys.argv[1:4]))
