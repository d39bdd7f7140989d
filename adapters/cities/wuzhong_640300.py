"""Wuzhong: the event platform's interface, lists in one JSON document, times in milliseconds since 1970."""

from adapters.dialect import Column, Dialect, Items, Recipients, Subject, Table
from adapters.formats import JsonList
from adapters.values import City, Codes, Division, Each, Epoch, Flag, LngLat

TIME = Epoch()
RISK = Codes({"1": "red", "2": "orange", "3": "yellow", "4": "blue"})
FORCES = Codes(
    {"POLICE": "police", "SECURITY_CHECK": "screening", "TRAFFIC": "traffic", "CHECKPOINT": "checkpoint",
     "MEDICAL": "medical", "FIRE": "fire"}
)  # fmt: skip
NOTIFIED = Recipients("partnerCodes", converter=Each(City(written="code", counties=True), ","))
FORCE = (
    Column("type", "need", FORCES), Column("count", "quantity"), Column("musterPoint", "muster_point"),
    Column("beginTime", "starts_at", TIME), Column("endTime", "ends_at", TIME),
)  # fmt: skip

EVENTS = Table(
    kind="event_security", number="activityNo", at="data.activities", system="events", vanished="withdraw",
    recipients=NOTIFIED,
    columns=(
        Column("activityName", "name"),
        Column("activityType", "event_type", Codes(
            {"SPORT": "sports", "SHOW": "performance", "EXPO": "exhibition", "FAIR": "fair_or_lantern_show",
             "JOB_LOTTERY": "recruitment_or_lottery", "OTHER": "other"})),
        Column("hostUnit", "organiser"), Column("venue.name", "venue/name"),
        Column("venue.areaCode", "venue/division", Division(townships=True, written="code12")),
        Column("venue.lngLat", ("venue/longitude", "venue/latitude"), LngLat()),
        Column("venue.capacity", "venue/capacity"),
        Items("sessions", "sessions", (
            Column("beginTime", "starts_at", TIME), Column("endTime", "ends_at", TIME),
            Column("expected", "expected"))),
        Column("permit.level", "permit/authority", Codes({"COUNTY": "county", "CITY": "city", "MPS": "ministry"})),
        Column("permit.docNo", "permit/number"),
        Column("permit.status", "permit/state", Codes(
            {"APPLIED": "applied", "GRANTED": "granted", "REFUSED": "refused", "REVOKED": "revoked"})),
        Column("riskLevel", "risk", RISK), Column("guards", "stewards"),
        Column("securityCheck", "screening", Flag(yes="Y", no="N")),
        Items("roadControls", "road_control", (
            Column("road", "road"), Column("fromPoint", "from"), Column("toPoint", "to"),
            Column("beginTime", "starts_at", TIME), Column("endTime", "ends_at", TIME),
            Column("mode", "kind", Codes(
                {"CLOSED": "closed", "ONE_WAY": "one_way", "NO_TRUCK": "heavy_vehicles", "NO_PARKING": "no_parking",
                 "CHECK": "checkpoint", "DETOUR": "diversion"})))),
        Items("dutyDesks", "duty_desks", (
            Column("unit", "organisation"), Column("duty", "role"), Column("tel", "phone"))),
        Column("status", "state", Codes(
            {"PREPARING": "planned", "APPROVED": "permitted", "CHANGED": "changed", "CANCELED": "cancelled",
             "FINISHED": "concluded"})),
        Column("changeType", "change", Codes(
            {"TIME": "time", "PLACE": "place", "CONTENT": "content", "SCALE": "scale"})),
        Column("fromCity", "@sender"), Column("pushResult", "@outcome"),
    ),
)  # fmt: skip

REQUESTS = Table(
    kind="assistance_request", number="requestNo", at="data.requests", system="assistance",
    recipients=NOTIFIED, subject=Subject("activityNo", "events"),
    columns=(
        Items("needs", "needs", FORCE), Column("replyDeadline", "reply_by", TIME), Column("channel", "channel"),
        Column("fromCity", "@sender"), Column("pushResult", "@outcome"),
    ),
)  # fmt: skip

REPLIES = Table(
    kind="assistance_reply", number="replyNo", at="data.replies", system="assistance-replies",
    recipients=NOTIFIED, subject=Subject("requestNo", "assistance"),
    columns=(
        Column("result", "outcome", Codes({"AGREE": "accepted", "PARTIAL": "partly", "DECLINE": "declined"})),
        Items("provides", "provides", FORCE),
        Column("forceStatus", "state", Codes(
            {"PREPARING": "preparing", "MUSTERED": "mustered", "IN_PLACE": "in_place", "WITHDRAWN": "withdrawn"})),
        Column("reason", "reason"), Column("fromCity", "@sender"), Column("pushResult", "@outcome"),
    ),
)  # fmt: skip

DIALECT = Dialect(
    "640300", "吴忠市", "events", (EVENTS, REQUESTS, REPLIES),
    forms=(JsonList("data.activities", "data.requests", "data.replies"),),
)  # fmt: skip
