"""Yan'an: two views of the dispute centre's PostgreSQL, lists in columns of JSON, cities in arrays."""

from adapters.dialect import Column, Dialect, Items, Recipients, Table
from adapters.formats import SqlRows
from adapters.values import City, Codes, Date, Division, Each, Flag

TYPES = Codes(
    {"101": "family", "102": "neighbours", "103": "housing_land", "104": "contract", "105": "production",
     "106": "damages", "107": "labour", "108": "consumer", "109": "medical", "110": "traffic",
     "111": "property_management", "112": "tourism", "113": "intellectual_property", "114": "internet",
     "201": "mountain_forest_land", "202": "grassland", "203": "water", "204": "mining", "205": "expropriation",
     "206": "environment", "999": "other"}
)  # fmt: skip
SOURCES = Codes(
    {"SQ": "party_application", "ZD": "on_own_initiative", "GA": "police_transfer", "FY": "court_entrustment",
     "JB": "government_assignment", "RX": "hotline", "WG": "grid_report", "WS": "other_city"}
)  # fmt: skip
LEVELS = Codes({"4": "village", "3": "township", "2": "county", "1": "city"})
STATES = Codes(
    {"10": "registered", "20": "investigating", "30": "mediating", "40": "agreed", "50": "performing",
     "80": "ended", "90": "closed", "95": "handed_over"}
)  # fmt: skip
GRADES = Codes(
    {"Ⅰ级": "red", "Ⅱ级": "orange", "Ⅲ级": "yellow", "Ⅳ级": "blue",
     "一级": "red", "二级": "orange", "三级": "yellow", "四级": "blue"}
)  # fmt: skip
DAY = Date(drop_time=True)
YES_NO = Flag(yes="Y", no="N")
CODE = City(written="code", counties=True)
SHARED = Recipients("share_with", converter=Each(CODE, separators=""))

MEDIATION = Table(
    kind="mediation_case", number="case_id", forms=(SqlRows("v_border_dispute", order="case_id"),),
    recipients=SHARED,
    columns=(
        Column("case_no", "case_number"), Column("dispute_cd", "dispute_type", TYPES),
        Column("source_cd", "source", SOURCES), Column("level_cd", "level", LEVELS),
        Column("region_code", "division", Division(townships=True)),
        Column("place_desc", "place/description"),
        Column("lng", "place/longitude"), Column("lat", "place/latitude"),
        Column("occurred_on", "occurred_on", DAY), Column("accepted_ts", "accepted_at"),
        Column("status_cd", "state", STATES), Column("mode_name", "mode"), Column("risk_grade", "risk", GRADES),
        Column("party_cnt", "parties_count"), Column("amount", "amount"), Column("lead_org", "lead"),
        Items("partners", "partners", (
            Column("city", "city", CODE), Column("org", "organisation"), Column("joined_ts", "joined_at"))),
        Column("due_ts", "due_at"),
        Items("extensions", "extensions", (Column("until_ts", "until"), Column("reason", "reason"))),
        Items("sessions", "sessions", (
            Column("held_ts", "at"), Column("form", "form"), Column("orgs", "organisations", Each(separators="")),
            Column("outcome", "outcome"))),
        Items("escalations", "escalations", (
            Column("from_cd", "from_level", LEVELS), Column("to_cd", "to_level", LEVELS), Column("ts", "at"),
            Column("reason", "reason"))),
        Column("end_reason", "end_reason"), Column("agreement_form", "agreement/form"),
        Column("agreed_on", "agreement/concluded_on", DAY), Column("effective_on", "agreement/effective_on", DAY),
        Column("perform_by", "agreement/performance_due", DAY),
        Column("performed_on", "agreement/performed_on", DAY),
        Column("confirm_applied_on", "judicial_confirmation/applied_on", DAY),
        Column("confirm_court", "judicial_confirmation/court"),
        Column("confirm_state", "judicial_confirmation/state"),
        Column("confirm_decided_on", "judicial_confirmation/decided_on", DAY),
        Items("visits", "follow_ups", (Column("on", "on"), Column("result", "result"))),
        Column("to_police", "police_referral", YES_NO), Column("handed_to", "handed_over_to"),
        Column("continues_id", "continues"),
        Column("title", "private/title"), Column("summary", "private/summary"),
        Items("parties", "private/parties", (
            Column("role", "role"), Column("type", "type"), Column("name", "name"), Column("tel", "phone"),
            Column("addr", "address"), Column("agent", "representative"))),
        Items("mediators", "private/mediators", (Column("name", "name"), Column("tel", "phone"))),
        Column("minutes", "private/minutes"), Column("agreement_text", "private/agreement_text"),
        Column("from_city", "@sender"), Column("exchange_id", "@id"), Column("push_result", "@outcome"),
    ),
)  # fmt: skip

NOTICE = Table(
    kind="risk_notice", number="letter_no", system="risk-letters",
    forms=(SqlRows("v_risk_letter", order="letter_no"),),
    recipients=SHARED,
    columns=(
        Column("risk_field", "field"), Column("risk_grade", "grade", GRADES), Column("risk_text", "statement"),
        Column("measures", "measures"), Column("reply_by_ts", "reply_by"),
        Column("status_cd", "state", Codes({"1": "issued", "2": "answered", "3": "cleared"})),
        Column("from_city", "@sender"), Column("push_result", "@outcome"),
    ),
)  # fmt: skip

DIALECT = Dialect("610600", "延安市", "disputes", (MEDIATION, NOTICE))
