"""A node that is stopped while pulls are held."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import requests
import wire
from partner import ORDOS, YULIN
from waiting import until

from hub.clock import utc_now
from hub.lab.building import build
from hub.lab.running import RunningLab


def test_held_pulls_are_answered_when_their_node_is_stopped(tmp_path: Path) -> None:
    lab = build(tmp_path / "lab", (YULIN, ORDOS), 1, None, utc_now())
    node = lab.nodes[0]
    key = wire.Key.read(next(each["key"] for each in lab.systems if each["city"] == ORDOS))
    url = f"{node.url}/v1/records?after=-1&wait=30"

    def pull() -> requests.Response:
        headers = wire.sign_request(key, "GET", url, None, now=utc_now())
        return requests.get(url, headers=headers, timeout=60)

    def held() -> bool:
        return "hub_held_pulls 2.0" in requests.get(f"{node.url}/metrics", timeout=10).text

    with ThreadPoolExecutor(2) as threads:
        with RunningLab(tmp_path / "lab", lab):
            answers = [threads.submit(pull) for _ in range(2)]
            until(held)
        for answer in answers:
            assert answer.result().status_code == 200
            assert answer.result().json()["items"] == []
