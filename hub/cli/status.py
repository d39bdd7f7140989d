"""`hub status`: whether a node can do its work, asked of the node itself.

Nothing is opened but what a running node opens: a status that touched the database could change what it tells of.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

import click
import requests

from hub.answers import Session
from hub.cli.faults import Situation, facing
from hub.cli.options import PRESENT_FILE, profile_option
from hub.cli.output import Output, json_option, local, pass_output
from hub.cli.trust_shown import signers, warn_of_expiry
from hub.cli.words import command, option
from hub.clock import utc_now
from hub.config import read_config
from hub.errors import Code, Problem
from hub.log.checkpoint import VerifiedCheckpoint, open_checkpoint
from hub.log.note import VerifierKey
from hub.profile import read_profile, trust_of
from hub.translation import _, mark
from keys.trust_list import Trust
from keys.trust_repository import open_trust_once
from schemas import strict_json
from schemas.limits import NOTE_BYTES

ANSWER_SECONDS: Final = 10
_COUNTS: Final = ("alerts_awaited", "alerts_overdue", "peers_cut_off", "peers_failing")
_ANYWHERE: Final = {"0.0.0.0": "127.0.0.1", "::": "::1", "": "127.0.0.1"}  # noqa: S104 (compared, not bound)


@dataclass(frozen=True, slots=True)
class _Asked:
    """A node, where to ask it, and what may be believed of it."""

    name: str
    url: str
    trust: Trust
    repository: Path


@command(
    help=mark("Say whether a node can do its work: readiness, log, trust list. Exit code 1 where it cannot.")
)
@option("--config", type=PRESENT_FILE, help=mark("Configuration of the node; or use --as."))
@profile_option(required=False)
@json_option
@pass_output
def status(output: Output, config: Path | None, profile: Path | None) -> None:
    if config is None and profile is None:
        raise click.UsageError(_("Give --config or --as."))
    now = utc_now()
    asked = _of_config(config, now) if config is not None else _of_profile(profile, now)
    readiness = _readiness(asked)
    faults: list[str] = list(readiness["faults"])
    checkpoint = _checkpoint(asked, faults) if readiness["reached"] else None
    ready = bool(readiness["ready"]) and not faults
    left = asked.trust.expires_at - now
    overdue = readiness.get("alerts_overdue")
    members = {
        "name": asked.name,
        "url": asked.url,
        "ready": ready,
        "log_entries": None if checkpoint is None else checkpoint.size,
        "checkpoint_seen_at": None if checkpoint is None else _seen_at(checkpoint),
        "cosignatures": None if checkpoint is None else len(checkpoint.cosignatures),
        "quorum": asked.trust.quorum,
        "trust": {target.file: target.version for target in asked.trust.targets},
        "trust_expires_at": asked.trust.expires_at.isoformat(),
        "trust_days_left": left.days,
        **{name: readiness.get(name) for name in _COUNTS},
        "faults": faults,
    }
    output.facts(members, _shown(members, left))
    if overdue:
        said = _("Recipients of alerts that have not acknowledged in time: {count}. `hub alerts` lists them.")
        output.warn(said.format(count=overdue))
    if members["peers_cut_off"]:
        said = _("Peers that are cut off, since they showed two histories: {count}. `hub peers` says why.")
        output.warn(said.format(count=members["peers_cut_off"]))
    if members["peers_failing"]:
        said = _("Peers whose last round failed: {count}. `hub peers` says why.")
        output.warn(said.format(count=members["peers_failing"]))
    warn_of_expiry(output, asked.repository, signers(asked.repository), now)
    if not ready:
        raise click.exceptions.Exit(1)


def _of_config(path: Path, now: datetime) -> _Asked:
    with facing(Situation.CONFIG):
        config = read_config(path)
    host = _ANYWHERE.get(config.host, config.host)
    address = f"[{host}]" if ":" in host else host
    with facing(Situation.TRUST):
        trust = open_trust_once(config.trust, now)
    return _Asked(config.name, f"http://{address}:{config.port}", trust, config.trust)


def _of_profile(path: Path | None, now: datetime) -> _Asked:
    assert path is not None
    with facing(Situation.PROFILE):
        profile = read_profile(path)
    with facing(Situation.TRUST):
        trust = trust_of(profile, now)
    with facing(Situation.UNLISTED):
        if profile.node not in trust.nodes:
            raise Problem(Code.NOT_FOUND, f"the trust list has no node named {profile.node}")
    return _Asked(profile.node, trust.nodes[profile.node].url, trust, profile.trust)


def _readiness(asked: _Asked) -> dict[str, Any]:
    try:
        told = strict_json.loads(_get(f"{asked.url}/readyz", allowed=(200, 503)))
        faults = [str(fault) for fault in told["faults"]]
        counts = {name: _count(told.get(name)) for name in _COUNTS}
        return {"reached": True, "ready": told["ready"] is True, "faults": faults, **counts}
    except Problem as problem:
        return {"reached": False, "ready": False, "faults": [problem.detail]}
    except (KeyError, TypeError):
        return {"reached": False, "ready": False, "faults": [f"{asked.url} is no node of this kind"]}


def _count(value: Any) -> int | None:
    """A number that a node tells, None where it tells none."""
    return value if type(value) is int else None


def _checkpoint(asked: _Asked, faults: list[str]) -> VerifiedCheckpoint | None:
    """The checkpoint that the node shows; what is wrong with it joins the faults."""
    try:
        listed = asked.trust.nodes[asked.name]
        witnesses = [VerifierKey.parse(node.witness) for node in asked.trust.witnesses_for(listed.name)]
        note = _get(f"{asked.url}/log/checkpoint", allowed=(200,))
        return open_checkpoint(note, VerifierKey.parse(listed.log), witnesses)
    except KeyError:
        faults.append(f"the trust list has no node named {asked.name}")
    except Problem as problem:
        faults.append(problem.detail)
    return None


def _get(url: str, allowed: tuple[int, ...]) -> bytes:
    try:
        with (
            Session() as session,
            session.get(url, timeout=ANSWER_SECONDS, stream=True, allow_redirects=False) as answer,
        ):
            content: bytes = answer.raw.read(NOTE_BYTES + 1, decode_content=True)
            code = answer.status_code
    except (requests.RequestException, OSError) as error:
        raise Problem(Code.BUSY, f"{url} does not answer ({type(error).__name__})") from error
    if code not in allowed or len(content) > NOTE_BYTES:
        raise Problem(Code.MALFORMED, f"{url} answers {code}, which no node does")
    return content


def _seen_at(checkpoint: VerifiedCheckpoint) -> str | None:
    """When a witness last saw it: a checkpoint itself names no time."""
    times = [cosignature.time for cosignature in checkpoint.cosignatures]
    return datetime.fromtimestamp(min(max(times), 253402300799), UTC).isoformat() if times else None


def _shown(members: dict[str, Any], left: timedelta) -> list[tuple[str, str]]:
    size, seen = members["log_entries"], members["checkpoint_seen_at"]
    awaited, overdue = members["alerts_awaited"], members["alerts_overdue"]
    versions = ", ".join(f"{file} v{version}" for file, version in members["trust"].items())
    expiry = _("{time} (in {days} days)").format(time=local(members["trust_expires_at"]), days=left.days)
    lines = [
        (_("Node"), f"{members['name']} · {members['url']}"),
        (_("Ready"), _("✓ yes") if members["ready"] else _("✗ no")),
        (_("Log entries"), "—" if size is None else str(size)),
        (_("Cosignatures"), "—" if size is None else f"{members['cosignatures']} / {members['quorum']}"),
        (_("Last witnessed"), local(seen) or "—"),
        (_("Answers to alerts"), "—" if awaited is None else _awaited(awaited, overdue)),
        (_("Trust list"), versions),
        (_("Trust expires"), expiry),
    ]
    return [*lines, *((_("Fault"), fault) for fault in members["faults"])]


def _awaited(awaited: int, overdue: int) -> str:
    return _("{awaited} awaited, {overdue} of them overdue").format(awaited=awaited, overdue=overdue)
