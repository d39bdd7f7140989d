"""Network namespaces of the partition bench: links are cut and stalled in them, and nothing of them stays behind."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

import psutil
import pytest
from waiting import until

from bench import netspaces
from bench.netspaces import Netspaces, own_network

NODES = ("one", "two", "three")
LISTEN = "import socket, sys; s = socket.create_server((sys.argv[1], 8000)); print(flush=True)\nwhile True: s.accept()"
CALL = "import socket, sys; socket.create_connection((sys.argv[1], 8000), timeout=float(sys.argv[2]))"
namespaces = pytest.mark.usefixtures("allowed")


@pytest.fixture(scope="module")
def allowed() -> None:
    if not netspaces.possible():
        pytest.skip("no network namespaces here")


def around() -> tuple[str, list[str]]:
    """The machine's own network and names, as everybody sees them."""
    listed = [str(path) for path in netspaces.NAMES.glob("*")] if netspaces.NAMES.is_dir() else []
    links = subprocess.run(["ip", "-br", "link"], capture_output=True, text=True, check=True).stdout
    return links, listed


def called(spaces: Netspaces, caller: str | None, node: str, seconds: float = 5) -> str:
    """What came of a call from one node, or from outside, to another: "" where it was answered."""
    before = [] if caller is None else spaces.before(caller)
    address = spaces.place(NODES.index(node)).listen.partition(":")[0]
    command = [*before, "python3", "-c", CALL, address, str(seconds)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    return done.stderr.strip().rpartition("\n")[2]


def tried() -> dict[str, str]:
    """Calls in a region whose first two nodes' link is open, cut, healed, stalled, and healed again."""
    found = {}
    with Netspaces(NODES) as spaces:
        address = spaces.place(1).listen.partition(":")[0]
        listening = subprocess.Popen(
            [*spaces.before("two"), "python3", "-c", LISTEN, address], stdout=subprocess.PIPE
        )
        try:
            assert listening.stdout is not None
            listening.stdout.readline()
            found["open"] = called(spaces, "one", "two")
            spaces.cut("one", "two")
            found["cut"] = called(spaces, "one", "two")
            found["another"] = called(spaces, "three", "two")
            found["outside"] = called(spaces, None, "two")
            spaces.heal("two", "one")
            found["healed"] = called(spaces, "one", "two")
            spaces.cut("one", "two", stall=True)
            found["stalled"] = called(spaces, "one", "two", 0.3)
            spaces.heal("one", "two")
            found["healed again"] = called(spaces, "one", "two")
        finally:
            listening.kill()
            listening.communicate()
    return found


def fail() -> None:
    with Netspaces(NODES):
        raise KeyError("in the middle of it")


def stay(told: str) -> None:
    with Netspaces(NODES):
        Path(told).write_text(str(os.getpid()))
        threading.Event().wait()


@namespaces
def test_links_are_cut_and_stalled_and_outsiders_always_pass() -> None:
    before = around()
    found = own_network(tried)
    assert {name: found[name] for name in ("open", "another", "outside", "healed", "healed again")} == {
        "open": "", "another": "", "outside": "", "healed": "", "healed again": "",
    }  # fmt: skip
    assert "No route to host" in found["cut"]
    assert "timed out" in found["stalled"]
    assert around() == before


@namespaces
def test_nothing_of_it_is_seen_outside_or_stays_after_a_failure() -> None:
    before = around()
    with pytest.raises(KeyError):
        own_network(fail)
    assert around() == before


@namespaces
@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGINT])
def test_nothing_of_it_stays_when_the_bench_is_killed(tmp_path: Path, number: signal.Signals) -> None:
    before, told = around(), tmp_path / "pid"
    program = (
        f"import sys; sys.path[:0] = {[str(Path(netspaces.__file__).parents[1]), str(Path(__file__).parent)]!r}\n"
        "if __name__ == '__main__':\n"
        "    from bench import netspaces\n"
        "    from test_netspaces import stay\n"
        f"    netspaces.own_network(stay, {str(told)!r})\n"
    )
    path = tmp_path / "killed.py"
    path.write_text(program)
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(Path(__file__).parent.parent)])}
    process = subprocess.Popen(
        [sys.executable, str(path)], stderr=subprocess.DEVNULL, env=environment, start_new_session=True
    )
    try:
        until(lambda: told.exists() and told.read_text(), 30)
        assert around() == before
        inside = psutil.Process(int(told.read_text()))
        if number is signal.SIGINT:  # Ctrl-C reaches all who are in front
            os.killpg(process.pid, number)
        else:
            process.send_signal(number)
        process.wait(30)
        until(lambda: not inside.is_running() or inside.status() == psutil.STATUS_ZOMBIE)
        assert around() == before
    finally:
        process.kill()
        process.wait()
