"""The worked examples of the shared schemas, and records around them. Every call makes new objects."""

import copy
import json
from typing import Any

ALERT_ID = "019aa4f0-7c11-7def-8123-4567890abcde"
ANSWERED_ID = "019aa4f0-7c11-7def-9123-4567890abcdf"

_BODIES: dict[str, dict[str, Any]] = {
    "mediation_case": {
        "case_number": "(2026)府麻调字第12号",
        "dispute_type": "grassland",
        "source": "party_application",
        "level": "township",
        "division": "610822",
        "place": {"longitude": 110.912, "latitude": 39.371, "description": "麻镇与准格尔旗交界草场"},
        "occurred_on": "2026-10-30",
        "accepted_at": "2026-11-02T09:00:00+08:00",
        "state": "mediating",
        "mode": "joint",
        "risk": "yellow",
        "parties_count": 7,
        "amount": "12000.50",
        "lead": "府谷县麻镇人民调解委员会",
        "partners": [
            {
                "city": "150600",
                "organisation": "准格尔旗人民调解委员会",
                "joined_at": "2026-11-05T10:00:00+08:00",
            }
        ],
        "due_at": "2026-12-02T09:00:00+08:00",
        "extensions": [],
        "sessions": [
            {
                "at": "2026-11-18T14:30:00+08:00",
                "form": "on_site",
                "organisations": ["府谷县司法局", "准格尔旗司法局"],
                "outcome": "界线走向已达成初步一致",
            }
        ],
        "escalations": [],
        "end_reason": None,
        "agreement": None,
        "judicial_confirmation": None,
        "follow_ups": [],
        "police_referral": False,
        "handed_over_to": None,
        "continues": None,
    },
    "case_contribution": {
        "what": "session_proposed",
        "organisation": "准格尔旗人民调解委员会",
        "at": "2026-11-06T10:00:00+08:00",
        "proposed_at": "2026-11-18T14:30:00+08:00",
        "form": "on_site",
    },
    "alert": {
        "identifier": "61080041600000_20261121083000",
        "status": "exercise",
        "message_type": "alert",
        "references": [],
        "category": ["security"],
        "event": "可疑车辆协查",
        "response_types": ["monitor", "prepare"],
        "urgency": "immediate",
        "severity": "severe",
        "certainty": "likely",
        "effective": "2026-11-21T08:30:00+08:00",
        "onset": None,
        "expires": "2026-11-22T08:30:00+08:00",
        "headline": "演练:毗邻检查站加强查控",
        "description": "演练信息。",
        "instruction": "各检查站按预案查控并反馈。",
        "areas": [
            {
                "description": "府谷县、准格尔旗",
                "geocodes": ["610822", "150622"],
                "polygon": None,
                "circle": None,
            }
        ],
        "colour": "orange",
        "duty_office": "榆林市公安局指挥中心",
        "duty_phone": "0912-0000000",
        "acknowledge_within": 15,
    },
    "event_security": {
        "name": "2026陕北民歌音乐节",
        "event_type": "performance",
        "organiser": "榆林市文化和旅游局",
        "venue": {
            "name": "榆林体育中心",
            "division": "610802",
            "longitude": 109.77,
            "latitude": 38.28,
            "capacity": 30000,
        },
        "sessions": [
            {
                "starts_at": "2026-12-12T19:30:00+08:00",
                "ends_at": "2026-12-12T22:00:00+08:00",
                "expected": 22000,
            }
        ],
        "permit": {"authority": "city", "number": "榆公安许〔2026〕3号", "state": "granted"},
        "risk": "yellow",
        "stewards": 300,
        "screening": True,
        "road_control": [
            {
                "road": "G65",
                "from": "榆林北",
                "to": "榆林南",
                "starts_at": "2026-12-12T17:00:00+08:00",
                "ends_at": "2026-12-12T23:30:00+08:00",
                "kind": "heavy_vehicles",
            }
        ],
        "duty_desks": [{"organisation": "榆林市公安局治安支队", "role": "command", "phone": "0912-0000001"}],
        "state": "permitted",
        "change": None,
    },
    "assistance_request": {
        "needs": [
            {
                "need": "police",
                "quantity": 40,
                "muster_point": "府谷县体育场东门",
                "starts_at": "2026-12-12T14:00:00+08:00",
                "ends_at": "2026-12-13T02:00:00+08:00",
            }
        ],
        "reply_by": "2026-12-10T18:00:00+08:00",
        "channel": "350兆警用数字集群 毗邻三组",
    },
    "assistance_reply": {
        "outcome": "partly",
        "provides": [
            {
                "need": "police",
                "quantity": 30,
                "muster_point": "府谷县体育场东门",
                "starts_at": "2026-12-12T14:00:00+08:00",
                "ends_at": None,
            }
        ],
        "state": "preparing",
        "reason": "同日本市另有勤务",
    },
    "joint_inspection": {
        "domain": "hazardous_chemicals",
        "division": "610822",
        "place": {"longitude": 111.07, "latitude": 39.03, "description": "府谷县与准格尔旗交界加油站"},
        "found_on": "2026-11-03",
        "grade": "orange",
        "finding": "危险货物车辆违规停放。",
        "measures": "设置专用停车区并安排专人值守。",
        "due_on": "2026-11-18",
        "state": "rectifying",
        "organisations": ["府谷县应急管理局", "准格尔旗应急管理局"],
    },
    "ecology_lead": {
        "matter": "water",
        "reach": "黄河干流府谷段",
        "division": "610822",
        "place": {"longitude": 111.09, "latitude": 39.01, "description": "入河排污口下游约二百米"},
        "found_on": "2026-11-05",
        "finding": "排污口水体发黑,疑似未经处理直排。",
        "evidence": [{"name": "现场照片01.jpg", "sha256": "0f" * 32}],
        "offices": ["府谷县人民检察院", "准格尔旗人民检察院"],
        "state": "accepted",
    },
    "risk_notice": {
        "field": "矿区道路运输",
        "grade": "yellow",
        "statement": "毗邻矿区运煤车辆集中,易发生拥堵与纠纷。",
        "measures": "建议错峰通行并联合疏导。",
        "reply_by": "2026-11-30T18:00:00+08:00",
        "state": "issued",
    },
    "acknowledgement": {"digest": "ab" * 32, "outcome": "accepted", "reason": None, "note": None},
}

_PRIVATE = {
    "title": "麻镇村民与邻旗牧户草场界线纠纷",
    "summary": "双方就围栏位置发生争执。",
    "parties": [
        {
            "role": "applicant",
            "type": "natural_person",
            "name": "张某",
            "phone": "13900000000",
            "address": "府谷县麻镇",
            "representative": None,
        },
        {
            "role": "respondent",
            "type": "organisation",
            "name": "某牧业合作社",
            "phone": None,
            "address": None,
            "representative": "王某",
        },
    ],
    "mediators": [{"name": "李某", "phone": None}],
    "minutes": None,
    "agreement_text": None,
}

SEALED: dict[str, Any] = {
    "protected": "eyJlbmMiOiJBMjU2R0NNIn0",
    "iv": "AAAAAAAAAAAAAAAA",
    "ciphertext": "AAAA",
    "tag": "AAAAAAAAAAAAAAAAAAAAAA",
    "recipients": [
        {
            "header": {
                "alg": "ECDH-ES+A256KW",
                "kid": "k",
                "epk": {"kty": "OKP", "crv": "X25519", "x": "AA"},
            },
            "encrypted_key": "AAAA",
        }
    ],
}

KIND_NAMES = tuple(_BODIES)
LENIENT = ("assistance_request", "assistance_reply", "joint_inspection", "ecology_lead", "risk_notice")
"""The kinds of which no single member is required."""
STANDS_ON_ANOTHER = ("case_contribution", "assistance_request", "assistance_reply", "acknowledgement")
"""The kinds that must name a subject."""


def body(kind: str, /, **changes: Any) -> dict[str, Any]:
    """A worked example's body, with members changed or added."""
    return {**copy.deepcopy(_BODIES[kind]), **changes}


def private() -> dict[str, Any]:
    """The private part of the worked case."""
    return copy.deepcopy(_PRIVATE)


def members(kind: str, /, **changes: Any) -> dict[str, Any]:
    """A whole record of that kind by its wire names, with members changed or added."""
    return {
        "id": ALERT_ID,
        "kind": kind,
        "version": 1,
        "revision": 1,
        "previous": None,
        "from": "610800",
        "to": ["150600", "640300"],
        "issued_at": "2026-11-21T08:30:00+08:00",
        "expires_at": "2027-11-21T08:30:00+08:00",
        "marking": "amber",
        "agreement": "border-2026",
        "subject": ANSWERED_ID if kind in STANDS_ON_ANOTHER else None,
        "withdrawn": None,
        "salt": "AAECAwQFBgcICQoLDA0ODw",
        "body": body(kind),
        "sealed": None,
        **changes,
    }


def payload(kind: str, /, **changes: Any) -> bytes:
    """The bytes of such a record, compact."""
    return write(members(kind, **changes))


def write(value: Any) -> bytes:
    """Compact JSON in UTF-8."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode()
