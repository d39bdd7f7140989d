"""Lüliang: packets of the city's governance platform, XML declared GBK, with Chinese names and code tables."""

from adapters.dialect import Column, Dialect, Items, Recipients, Table
from adapters.formats import XmlRows
from adapters.values import City, Codes, Date, DateTime, Each, Flag

TYPES = Codes(
    {"0101": "family", "0102": "neighbours", "0103": "housing_land", "0104": "property_management",
     "0201": "contract", "0202": "production", "0203": "consumer", "0204": "intellectual_property",
     "0205": "internet", "0206": "tourism", "0301": "mountain_forest_land", "0302": "grassland", "0303": "water",
     "0304": "mining", "0305": "expropriation", "0306": "environment", "0401": "labour", "0402": "damages",
     "0403": "medical", "0404": "traffic", "9900": "other"}
)  # fmt: skip
SOURCES = Codes(
    {"A1": "party_application", "A2": "on_own_initiative", "B1": "police_transfer", "B2": "court_entrustment",
     "B3": "government_assignment", "B4": "hotline", "C1": "grid_report", "C2": "other_city"}
)  # fmt: skip
LEVELS = Codes({"4": "village", "3": "township", "2": "county", "1": "city"})
STATES = Codes(
    {"10": "registered", "20": "investigating", "30": "mediating", "40": "agreed", "50": "performing",
     "60": "closed", "70": "ended", "80": "handed_over"}
)  # fmt: skip
MODES = Codes({"SD": "local", "WT": "entrusted", "YS": "transferred", "YQ": "invited", "LH": "joint"})
RISKS = Codes({"一级": "red", "二级": "orange", "三级": "yellow", "四级": "blue"})
ENDS = Codes(
    {"1": "agreed", "2": "settled_withdrawn", "3": "unreachable", "4": "party_unwilling", "5": "too_far_apart",
     "6": "expired", "7": "refused_to_sign", "9": "other"}
)  # fmt: skip
DAY = Date("%Y%m%d")
TIME = DateTime("%Y%m%d%H%M%S")
LIST = Each(separators="")
NOTIFIED = Recipients("通报地市", converter=Each(City(written="code", counties=True), ","))

MEDIATION = Table(
    kind="mediation_case", number="登记号", at="案件", recipients=NOTIFIED,
    columns=(
        Column("文号", "case_number"), Column("类别", "dispute_type", TYPES),
        Column("来源", "source", SOURCES), Column("层级", "level", LEVELS), Column("状态", "state", STATES),
        Column("调解方式", "mode", MODES), Column("风险", "risk", RISKS), Column("行政区划.@代码", "division"),
        Column("发生地.@经度", "place/longitude"), Column("发生地.@纬度", "place/latitude"),
        Column("发生地.描述", "place/description"), Column("发生日期", "occurred_on", DAY),
        Column("受理时刻", "accepted_at", TIME), Column("办结期限", "due_at", TIME),
        Column("当事人数", "parties_count"), Column("标的金额", "amount"), Column("调解组织", "lead"),
        Items("协作单位.单位", "partners", (
            Column("@地市", "city"), Column("名称", "organisation"), Column("加入时刻", "joined_at", TIME))),
        Items("延期.次", "extensions", (Column("延至", "until", TIME), Column("理由", "reason"))),
        Items("调解会.场", "sessions", (
            Column("时刻", "at", TIME), Column("形式", "form"), Column("参加单位", "organisations", LIST),
            Column("结果", "outcome"))),
        Items("提级.次", "escalations", (
            Column("@原层级", "from_level", LEVELS), Column("@现层级", "to_level", LEVELS),
            Column("时刻", "at", TIME), Column("理由", "reason"))),
        Column("结束原因", "end_reason", ENDS), Column("协议.形式", "agreement/form"),
        Column("协议.达成日", "agreement/concluded_on", DAY), Column("协议.生效日", "agreement/effective_on", DAY),
        Column("协议.履行期限", "agreement/performance_due", DAY),
        Column("协议.履行日", "agreement/performed_on", DAY),
        Column("司法确认.申请日", "judicial_confirmation/applied_on", DAY),
        Column("司法确认.法院", "judicial_confirmation/court"),
        Column("司法确认.结果", "judicial_confirmation/state"),
        Column("司法确认.裁定日", "judicial_confirmation/decided_on", DAY),
        Items("回访.次", "follow_ups", (Column("@日期", "on", DAY), Column("情况", "result"))),
        Column("移送公安", "police_referral", Flag("Y", "N")), Column("移交至", "handed_over_to"),
        Column("承接记录", "continues"), Column("标题", "private/title"), Column("概要", "private/summary"),
        Items("当事人.方", "private/parties", (
            Column("@身份", "role"), Column("@性质", "type"), Column("姓名或名称", "name", also=("姓名",)),
            Column("电话", "phone"), Column("住址", "address"), Column("代表人", "representative"))),
        Items("调解员.人", "private/mediators", (Column("姓名", "name"), Column("电话", "phone"))),
        Column("笔录", "private/minutes"), Column("协议全文", "private/agreement_text"),
        Column("来文地市", "@sender"), Column("办理反馈", "@outcome"), Column("反馈说明", "@note"),
    ),
)  # fmt: skip

RIVER_LEADS = Table(
    kind="ecology_lead", number="线索编号", system="river-leads", at="公益诉讼线索", recipients=NOTIFIED,
    columns=(
        Column("领域", "matter", Codes({"水污染": "water", "土壤污染": "soil", "固体废物倾倒": "solid_waste",
                                      "生态破坏": "ecology", "文物保护": "heritage", "其他": "other"})),
        Column("河段", "reach"), Column("行政区划.@代码", "division"), Column("位置.@经度", "place/longitude"),
        Column("位置.@纬度", "place/latitude"), Column("位置.描述", "place/description"),
        Column("发现日期", "found_on", DAY, required=True), Column("线索内容", "finding", required=True),
        Items("证据.件", "evidence", (Column("@文件名", "name"), Column("@摘要值", "sha256"))),
        Column("承办单位", "offices", LIST),
        Column("进展", "state", Codes({"线索": "lead", "立案": "accepted", "磋商": "consulted", "起诉": "litigated",
                                     "办结": "closed"})),
        Column("来文地市", "@sender"), Column("办理反馈", "@outcome"),
    ),
)  # fmt: skip

DIALECT = Dialect(
    "141100", "吕梁市", "governance", (MEDIATION, RIVER_LEADS),
    forms=(XmlRows("案件", "公益诉讼线索", root="数据包", encoding="GBK"),),
)  # fmt: skip
