"""Yinchuan: alerts of the police command centre in CAP 1.2, and its calendar of major events (iCalendar).

An event's first session is the calendar's own time; further sessions, roads and desks are properties that come
again, one line each, in the same order. CONFIRMED and the like say the state where X-STATE does not.
"""

from adapters.dialect import Column, Dialect, Recipients, Table
from adapters.formats import Calendar, CapAlert
from adapters.values import City, Codes, Each, Flag, Labels, LngLat

LINES = Each(separators="")
STATUS = Codes({"TENTATIVE": "planned", "CONFIRMED": "permitted", "CANCELLED": "cancelled"})
STATE = Codes(
    {"报备": "planned", "许可": "permitted", "变更": "changed", "取消": "cancelled", "结束": "concluded"}
)  # fmt: skip
PRIORITY = Codes(
    {"1": "red", "2": "red", "3": "orange", "4": "orange", "5": "yellow", "6": "yellow", "9": "blue", "7": "blue",
     "8": "blue"}
)  # fmt: skip
TYPE = Labels(
    {"赛事": "sports", "演唱会": "performance", "展会": "exhibition", "灯会": "fair_or_lantern_show"}
)
AUTHORITY = Codes({"县（市、区）公安局": "county", "市公安局": "city", "公安部": "ministry"})
PERMIT = Codes({"受理": "applied", "准予": "granted", "不予": "refused", "撤销": "revoked"})

ALERTS = Table(
    kind="alert",
    number="identifier",
    columns=(),
    system="alerts",
    recipients=Recipients(cities=("640300", "150600", "610800", "620400")),
    forms=(CapAlert(areas=("640104",)),),
)

EVENTS = Table(
    kind="event_security",
    number="UID",
    system="calendar",
    vanished="withdraw",
    recipients=Recipients("X-NOTIFY", converter=Each(City(counties=True), separators="")),
    forms=(Calendar(product="-//银川市公安局//大型活动安保日历 3.2//ZH"),),
    columns=(
        Column("DTSTAMP", "@issued_at"), Column("SUMMARY", "name"), Column("CATEGORIES", "event_type", TYPE),
        Column("X-ORGANISER", "organiser", also=("X-ORGANIZER",)),
        Column("LOCATION", "venue/name"), Column("X-DIVISION", "venue/division"),
        Column("X-CAPACITY", "venue/capacity"),
        Column("GEO", ("venue/longitude", "venue/latitude"), LngLat(";", latitude_first=True)),
        Column("DTSTART", "sessions[1]/starts_at"), Column("DTEND", "sessions[1]/ends_at"),
        Column("X-EXPECTED", "sessions[1]/expected"),
        Column("X-NEXT-START", "sessions[*]/starts_at", LINES), Column("X-NEXT-END", "sessions[*]/ends_at", LINES),
        Column("X-NEXT-EXPECTED", "sessions[*]/expected", LINES),
        Column("X-PERMIT-BY", "permit/authority", AUTHORITY), Column("X-PERMIT-NO", "permit/number"),
        Column("X-PERMIT-STATE", "permit/state", PERMIT),
        Column("PRIORITY", "risk", PRIORITY), Column("X-STEWARDS", "stewards"),
        Column("X-SCREENING", "screening", Flag(yes="TRUE", no="FALSE")),
        Column("X-ROAD", "road_control[*]/road", LINES), Column("X-ROAD-FROM", "road_control[*]/from", LINES),
        Column("X-ROAD-TO", "road_control[*]/to", LINES), Column("X-ROAD-START", "road_control[*]/starts_at", LINES),
        Column("X-ROAD-END", "road_control[*]/ends_at", LINES), Column("X-ROAD-KIND", "road_control[*]/kind", LINES),
        Column("X-DESK", "duty_desks[*]/organisation", LINES), Column("X-DESK-ROLE", "duty_desks[*]/role", LINES),
        Column("X-DESK-PHONE", "duty_desks[*]/phone", LINES),
        Column("STATUS", "state", STATUS), Column("X-STATE", "state", STATE), Column("X-CHANGE", "change"),
        Column("X-FROM", "@sender"), Column("X-OUTCOME", "@outcome"),
    ),
)  # fmt: skip

DIALECT = Dialect("640100", "银川市", "alerts", (ALERTS, EVENTS))
