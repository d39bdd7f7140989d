"""Yulin: the REST lists of the joint platform, members named by the initials of their pinyin."""

from adapters.dialect import Column, Dialect, Items, Recipients, Table
from adapters.formats import JsonList
from adapters.values import City, Codes, Each, Flag

TYPES = Codes(
    {"01": "family", "02": "neighbours", "03": "housing_land", "04": "contract", "05": "production", "06": "damages",
     "07": "mountain_forest_land", "08": "grassland", "09": "water", "10": "mining", "11": "expropriation",
     "12": "environment", "13": "labour", "14": "consumer", "15": "medical", "16": "traffic",
     "17": "property_management", "18": "tourism", "19": "intellectual_property", "20": "internet", "99": "other"}
)  # fmt: skip
STATES = Codes(
    {"1": "registered", "2": "investigating", "3": "mediating", "4": "agreed", "5": "performing", "6": "ended",
     "7": "closed", "8": "handed_over"}
)  # fmt: skip
COLOURS = Codes({"红": "red", "橙": "orange", "黄": "yellow", "蓝": "blue"})
YES_NO = Flag(yes="1", no="0")
NOTIFIED = Recipients("TZDQ", converter=Each(City(written="code", counties=True), separators=""))

MEDIATION = Table(
    kind="mediation_case",
    number="SQBH",
    recipients=NOTIFIED,
    columns=(
        Column("SQBH", "case_number"), Column("JFLX", "dispute_type", TYPES), Column("AJLY", "source"),
        Column("TJCJ", "level", Codes({"村": "village", "镇": "township", "县": "county", "市": "city"})),
        Column("XZQH", "division"), Column("FSDD", "place/description"),
        Column("JD", "place/longitude"), Column("WD", "place/latitude"),
        Column("FSRQ", "occurred_on"), Column("SLSJ", "accepted_at"), Column("AJZT", "state", STATES),
        Column("TJFS", "mode"), Column("FXDJ", "risk", COLOURS), Column("DSRS", "parties_count"),
        Column("SJJE", "amount"), Column("TJJG", "lead"),
        Items("XZDW", "partners", (
            Column("DQ", "city"), Column("JG", "organisation"), Column("JRSJ", "joined_at"))),
        Column("BJQX", "due_at"), Items("YQJL", "extensions", (Column("YQZ", "until"), Column("YQYY", "reason"))),
        Items("TJHY", "sessions", (
            Column("SJ", "at"), Column("FS", "form"), Column("CJDW", "organisations", Each(separators="")),
            Column("JG", "outcome"))),
        Column("BSLYY", "end_reason"), Column("XY.XS", "agreement/form"),
        Column("XY.DCRQ", "agreement/concluded_on"), Column("XY.SXRQ", "agreement/effective_on"),
        Column("XY.LXQX", "agreement/performance_due"), Column("XY.LXRQ", "agreement/performed_on"),
        Column("SFQR.SQRQ", "judicial_confirmation/applied_on"), Column("SFQR.FY", "judicial_confirmation/court"),
        Column("SFQR.ZT", "judicial_confirmation/state"), Column("SFQR.CDRQ", "judicial_confirmation/decided_on"),
        Items("HFJL", "follow_ups", (Column("RQ", "on"), Column("JG", "result"))),
        Column("SFYS", "police_referral", YES_NO), Column("YJDQ", "handed_over_to"), Column("YAJID", "continues"),
        Column("JFMC", "private/title"), Column("JFGY", "private/summary"),
        Items("DSR", "private/parties", (
            Column("JS", "role"), Column("LX", "type"), Column("XM", "name"), Column("DH", "phone"),
            Column("ZZ", "address"), Column("DBR", "representative"))),
        Items("TJY", "private/mediators", (Column("XM", "name"), Column("DH", "phone"))),
        Column("TJBL", "private/minutes"), Column("XYNR", "private/agreement_text"),
        Column("LWDQ", "@sender"), Column("TSJG", "@outcome"),
    ),
)  # fmt: skip

EVENTS = Table(
    kind="event_security",
    number="HDBH",
    system="events",
    recipients=NOTIFIED,
    vanished="withdraw",
    columns=(
        Column("HDMC", "name"), Column("HDLX", "event_type"), Column("ZBDW", "organiser"),
        Column("CG.MC", "venue/name"), Column("CG.XZQH", "venue/division"), Column("CG.RL", "venue/capacity"),
        Column("CG.JD", "venue/longitude"), Column("CG.WD", "venue/latitude"),
        Items("CC", "sessions", (
            Column("KSSJ", "starts_at"), Column("JSSJ", "ends_at"), Column("YJRS", "expected"))),
        Column("XK.JG", "permit/authority"), Column("XK.WH", "permit/number"), Column("XK.ZT", "permit/state"),
        Column("FXDJ", "risk", COLOURS), Column("BARS", "stewards"), Column("SFAJ", "screening", YES_NO),
        Items("JTGZ", "road_control", (
            Column("LD", "road"), Column("QD", "from"), Column("ZD", "to"), Column("KSSJ", "starts_at"),
            Column("JSSJ", "ends_at"), Column("LX", "kind"))),
        Items("ZBT", "duty_desks", (Column("DW", "organisation"), Column("ZZ", "role"), Column("DH", "phone"))),
        Column("HDZT", "state"), Column("BGLX", "change"), Column("LWDQ", "@sender"),
    ),
)  # fmt: skip

DIALECT = Dialect("610800", "榆林市", "mediation", (MEDIATION, EVENTS), forms=(JsonList("data.list"),))
