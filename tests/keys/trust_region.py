"""Two cities, their nodes and an auditor: the smallest region that has an agreement."""

from __future__ import annotations

import base64
import hashlib
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from keys import ceremony
from keys.suite import PublicKey, SigningKey, UnsealKey, VerifyKey, signing_key_from_raw, unseal_key_from_raw

NOW = datetime(2026, 11, 21, 8, 0, tzinfo=UTC)


def signing_key(name: str) -> SigningKey:
    """The same key for the same name, so that failures repeat."""
    return signing_key_from_raw(hashlib.sha256(name.encode()).digest())


def unseal_key(name: str) -> UnsealKey:
    return unseal_key_from_raw(hashlib.sha256(name.encode()).digest())


def verifier_key(name: str, key: VerifyKey, key_type: int) -> str:
    typed = bytes([key_type]) + key.raw
    key_id = hashlib.sha256(name.encode() + b"\n" + typed).hexdigest()[:8]
    return f"{name}+{key_id}+{base64.b64encode(typed).decode()}"


def listed(key: PublicKey, use: str, **more: Any) -> dict[str, Any]:
    return {
        "kid": key.kid,
        "use": use,
        "jwk": key.jwk,
        "system": None,
        "kinds": None,
        "not_before": "2026-01-01T00:00:00+08:00",
        "not_after": "2028-01-01T00:00:00+08:00",
        "revoked_at": None,
    } | more


def node(name: str) -> dict[str, Any]:
    return {
        "name": name,
        "url": f"https://{name}.example",
        "keys": [listed(signing_key(name).public, "node")],
        "log": verifier_key(name, signing_key(f"{name} log").public, 1),
        "witness": verifier_key(name, signing_key(f"{name} witness").public, 4),
    }


def city(code: str, name: str, province: str, its_node: str) -> dict[str, Any]:
    system = f"{code}/mediation"
    return {
        "code": code,
        "name": name,
        "province": province,
        "node": its_node,
        "keys": [
            listed(signing_key(system).public, "sign", system=system, kinds=["mediation_case", "alert"]),
            listed(unseal_key(code).public, "seal"),
        ],
    }


@dataclass
class Region:
    """Trust list and agreements as they are written, and who signs them."""

    trust_list: dict[str, Any] = field(
        default_factory=lambda: {
            "version": 1,
            "quorum": 1,
            "cities": [
                city("610800", "榆林市", "陕西省", "610800.exchange"),
                city("150600", "鄂尔多斯市", "内蒙古自治区", "150600.exchange"),
            ],
            "nodes": [node("610800.exchange"), node("150600.exchange")],
            "auditors": [
                {
                    "name": "shaanxi.audit",
                    "keys": [listed(signing_key("shaanxi.audit").public, "audit")],
                    "scope": ["610800"],
                }
            ],
        }
    )
    agreements: dict[str, Any] = field(
        default_factory=lambda: {
            "version": 1,
            "agreements": [
                {
                    "id": "border-2026",
                    "title": "毗邻地区联合调解协议",
                    "parties": ["610800", "150600"],
                    "kinds": ["mediation_case", "alert"],
                    "purpose": "边界纠纷联合调解",
                    "legal_basis": "人民调解法",
                    "highest_marking": "amber",
                    "retention_days": 1095,
                    "valid_from": "2026-01-01T00:00:00+08:00",
                    "valid_until": "2029-01-01T00:00:00+08:00",
                }
            ],
        }
    )
    root_keys: list[SigningKey] = field(default_factory=lambda: [signing_key(f"root {n}") for n in range(3)])
    targets_keys: list[SigningKey] = field(
        default_factory=lambda: [signing_key(f"targets {n}") for n in range(3)]
    )
    snapshot_key: SigningKey = field(default_factory=lambda: signing_key("snapshot"))
    timestamp_key: SigningKey = field(default_factory=lambda: signing_key("timestamp"))
    now: datetime = NOW

    def create(self, repository: Path, **more: Any) -> None:
        options: dict[str, Any] = {
            "root_keys": self.root_keys,
            "threshold": 2,
            "targets_keys": self.targets_keys,
            "targets_threshold": 2,
            "snapshot_key": self.snapshot_key,
            "timestamp_key": self.timestamp_key,
            "now": self.now,
        }
        ceremony.create(
            repository,
            self.trust_list,
            self.agreements,
            **(options | more),
        )

    def update(self, repository: Path, after: timedelta = timedelta(), **more: Any) -> None:
        options: dict[str, Any] = {
            "targets_keys": self.targets_keys[:2],
            "snapshot_key": self.snapshot_key,
            "timestamp_key": self.timestamp_key,
            "now": self.now + after,
        }
        ceremony.update_targets(
            repository,
            self.trust_list,
            self.agreements,
            **(options | more),
        )
