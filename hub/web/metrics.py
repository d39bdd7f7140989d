"""What Prometheus reads at `/metrics`. Labels come from fixed lists only, never from prose or ids."""

from __future__ import annotations

import os
from pathlib import Path

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    generate_latest,
    multiprocess,
)

REQUESTS = Counter("hub_requests_total", "Requests answered", ["endpoint", "status"])
SECONDS = Histogram(
    "hub_request_seconds",
    "Time to answer a request, held pulls left out",
    ["endpoint"],
    buckets=(0.005, 0.02, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10),
)
RECORDS = Counter("hub_records_total", "Records pushed, by outcome or problem code", ["outcome"])
SERVED = Counter("hub_served_records_total", "Records given to those who pulled them")
LOG_SIZE = Gauge("hub_log_entries", "Entries in the log", multiprocess_mode="mostrecent")
HELD_PULLS = Gauge("hub_held_pulls", "Pulls that wait for news", multiprocess_mode="livesum")
TRUST_SECONDS = Gauge(
    "hub_trust_expires_in_seconds", "Until the trust list expires", multiprocess_mode="mostrecent"
)
TRUST_ROLE_SECONDS = Gauge(
    "hub_trust_role_expires_in_seconds",
    "Until root, targets, snapshot or timestamp of the trust repository expires",
    ["role"],
    multiprocess_mode="mostrecent",
)
QUARANTINED = Gauge(
    "hub_quarantined_rows", "Rows of exports that wait to be mended", multiprocess_mode="mostrecent"
)
ALERTS_AWAITED = Gauge(
    "hub_alerts_awaited",
    "Recipients of alerts whose acknowledgement is awaited",
    multiprocess_mode="mostrecent",
)
ALERTS_OVERDUE = Gauge(
    "hub_alerts_overdue",
    "Recipients of alerts that have not acknowledged in time",
    multiprocess_mode="mostrecent",
)
HALTED = Gauge(
    "hub_log_halted", "1 where the log has gone back and nothing is written", multiprocess_mode="mostrecent"
)
MISSING = Gauge(
    "hub_missing_records", "Records whose bytes are to be fetched again", multiprocess_mode="mostrecent"
)
PEERS_CUT_OFF = Gauge("hub_peers_cut_off", "Peers that showed two histories", multiprocess_mode="mostrecent")
PEERS_FAILING = Gauge("hub_peers_failing", "Peers whose last round failed", multiprocess_mode="mostrecent")
READY = Gauge("hub_ready", "1 where the node can do its work", multiprocess_mode="mostrecent")


def reserve() -> None:
    """Take the disk space of this process's shared metrics now: a mapped file that finds none later ends the process.

    Raises: OSError where the disk is full already.
    """
    SECONDS.labels("none")
    REQUESTS.labels("none", 200)
    RECORDS.labels("accepted")
    READY.set(0)
    for path in Path(os.environ["PROMETHEUS_MULTIPROC_DIR"]).glob(f"*_{os.getpid()}.db"):
        with path.open("r+b") as file:
            os.posix_fallocate(file.fileno(), 0, path.stat().st_size)


def exposition() -> bytes:
    """The metrics of all web processes of this node, in Prometheus' text format."""
    if "PROMETHEUS_MULTIPROC_DIR" not in os.environ:
        return generate_latest()
    registry = CollectorRegistry()
    multiprocess.MultiProcessCollector(registry)  # type: ignore[no-untyped-call]
    return generate_latest(registry)
