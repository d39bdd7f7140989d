"""Baiyin: the event list of the grid platform, and leads of public-interest observers.

The platform has one list for everything that grid workers report: disputes become cases, hazards findings, and
what is neither (民生诉求, 政策宣传) is passed over and counted. The leads come from the procuratorate's platform
of volunteers (益心为公); who sent one in is never carried.
"""

from adapters.dialect import Column, Dialect, Items, Recipients, Table
from adapters.formats import Csv, JsonList
from adapters.values import City, Codes, Date, DateTime, Division, Each, Extract, LngLat, Phone

LIST = Csv(encoding="utf-8-sig")
TIME = DateTime("%Y.%m.%d %H:%M:%S")
LISTED = Each(separators=";")
BY_EVENING = DateTime("%Y.%m.%d %H:%M:%S", at="18:00")
DAY = Date("%Y.%m.%d", drop_time=True)
GRID = Extract(r"^(\d{6})(?:\d{3}){0,3}$", Division())
SHARED = Recipients("通报地区", converter=Each(City(counties=True), ";"))
DISPUTES = Codes(
    {"家庭婚恋": "family", "邻里矛盾": "neighbours", "宅基地": "housing_land", "合同债务": "contract",
     "经营": "production", "赔偿": "damages", "林地耕地": "mountain_forest_land", "草场": "grassland",
     "灌溉用水": "water", "采矿": "mining", "征地拆迁": "expropriation", "环保": "environment", "欠薪": "labour",
     "消费": "consumer", "医疗": "medical", "交通": "traffic", "物业": "property_management", "旅游": "tourism",
     "知识产权": "intellectual_property", "涉网": "internet", "其他矛盾": "other"}
)  # fmt: skip
HAZARDS = Codes(
    {"道路隐患": "road", "消防隐患": "fire", "防汛隐患": "flood", "矿山隐患": "mine", "尾矿库": "mine",
     "危化品": "hazardous_chemicals", "燃气": "gas", "环境卫生": "sanitation", "其他隐患": "other"}
)  # fmt: skip
REPORTED = Codes(
    {"网格巡查": "grid_report", "群众上门": "party_application", "入户走访": "on_own_initiative",
     "12345推送": "hotline", "公安推送": "police_transfer", "法院推送": "court_entrustment",
     "上级交办": "government_assignment", "外市移交": "other_city"}
)  # fmt: skip
LEVEL = Codes({"一级网格": "county", "二级网格": "township", "三级网格": "village", "市级": "city"})
GRADE = Codes({"Ⅰ级": "red", "Ⅱ级": "orange", "Ⅲ级": "yellow", "Ⅳ级": "blue"})
CASE = Codes(
    {"待处置": "registered", "已上报": "registered", "核查": "investigating", "处置中": "mediating", "已化解": "agreed",
     "履约中": "performing", "不予处置": "ended", "已办结": "closed", "已归档": "closed", "已移交": "handed_over"}
)  # fmt: skip
FINDING = Codes(
    {"待处置": "found", "已上报": "found", "处置中": "rectifying", "已办结": "rectified", "已归档": "rectified",
     "超期": "overdue"}
)  # fmt: skip

DISPUTE = Table(
    kind="mediation_case",
    number="事件编号",
    recipients=SHARED,
    only={"事件大类": ("矛盾纠纷",)},
    constants={"source": "grid_report"},
    forms=(LIST,),
    columns=(
        Column("事件编号", "case_number"), Column("事件小类", "dispute_type", DISPUTES),
        Column("事件标题", "private/title"), Column("事件描述", "private/summary"),
        Column("事件等级", "risk", GRADE), Column("上报方式", "source", REPORTED),
        Column("网格编码", "division", GRID), Column("发生地点", "place/description"),
        Column("经度", "place/longitude"), Column("纬度", "place/latitude"), Column("发生日期", "occurred_on", DAY),
        Column("受理时间", "accepted_at", TIME), Column("处置层级", "level", LEVEL), Column("处置方式", "mode"),
        Column("事件状态", "state", CASE), Column("处置部门", "lead"), Column("处置时限", "due_at", BY_EVENING),
        Column("延期至", "extensions[1]/until", BY_EVENING), Column("延期原因", "extensions[1]/reason"),
        Column("协同地区", "partners[*]/city", Each(City(), ";")),
        Column("协同单位", "partners[*]/organisation", LISTED),
        Column("协同时间", "partners[*]/joined_at", Each(TIME, ";")),
        Column("涉及人数", "parties_count"), Column("涉及金额", "amount"),
        Column("申请人", "private/parties[*,role=applicant]/name"),
        Column("申请人类型", "private/parties[*,role=applicant]/type"),
        Column("申请人电话", "private/parties[*,role=applicant]/phone", Each(Phone(), "、;")),
        Column("申请人住址", "private/parties[*,role=applicant]/address", LISTED),
        Column("被申请人", "private/parties[*,role=respondent]/name"),
        Column("被申请人类型", "private/parties[*,role=respondent]/type"),
        Column("被申请人电话", "private/parties[*,role=respondent]/phone", Each(Phone(), "、;")),
        Column("被申请人住址", "private/parties[*,role=respondent]/address", LISTED),
        Column("调解员", "private/mediators[*]/name"), Column("调解员电话", "private/mediators[*]/phone"),
        Column("会商时间", "sessions[1]/at", TIME), Column("会商形式", "sessions[1]/form"),
        Column("会商单位", "sessions[1]/organisations", LISTED), Column("会商结果", "sessions[1]/outcome"),
        Column("流转自", "escalations[1]/from_level", LEVEL), Column("流转至", "escalations[1]/to_level", LEVEL),
        Column("流转时间", "escalations[1]/at", TIME), Column("流转原因", "escalations[1]/reason"),
        Column("处置记录", "private/minutes"), Column("办结原因", "end_reason"), Column("协议形式", "agreement/form"),
        Column("协议日期", "agreement/concluded_on", DAY), Column("协议生效", "agreement/effective_on", DAY),
        Column("履约期限", "agreement/performance_due", DAY), Column("履约日期", "agreement/performed_on", DAY),
        Column("协议内容", "private/agreement_text"),
        Column("司法确认申请", "judicial_confirmation/applied_on", DAY),
        Column("司法确认法院", "judicial_confirmation/court"), Column("司法确认状态", "judicial_confirmation/state"),
        Column("司法确认裁定", "judicial_confirmation/decided_on", DAY),
        Column("回访日期", "follow_ups[*]/on", Each(DAY, ";")),
        Column("回访情况", "follow_ups[*]/result", LISTED),
        Column("涉警", "police_referral"), Column("移交地区", "handed_over_to", Division(written="name")),
        Column("来文地区", "@sender"), Column("协同结果", "@outcome"),
    ),
)  # fmt: skip

HAZARD = Table(
    kind="joint_inspection",
    number="事件编号",
    recipients=SHARED,
    only={"事件大类": ("安全隐患", "环境隐患")},
    forms=(LIST,),
    columns=(
        Column("事件小类", "domain", HAZARDS), Column("事件描述", "finding", required=True),
        Column("事件等级", "grade", GRADE), Column("网格编码", "division", GRID),
        Column("发生地点", "place/description"), Column("经度", "place/longitude"), Column("纬度", "place/latitude"),
        Column("发生日期", "found_on", DAY), Column("事件状态", "state", FINDING),
        Column("处置部门", "organisations", LISTED),
        Column("处置措施", "measures"), Column("处置时限", "due_on", DAY), Column("来文地区", "@sender"),
        Column("协同结果", "@outcome"),
    ),
)  # fmt: skip

LEAD = Table(
    kind="ecology_lead",
    number="clueNo",
    system="clues",
    recipients=Recipients("shareTo", converter=Each(City(counties=True), separators="")),
    forms=(JsonList("data.records"),),
    columns=(
        Column("domain", "matter", Codes(
            {"水环境": "water", "河道": "water", "土壤": "soil", "固体废物": "solid_waste", "生态资源": "ecology",
             "非法采砂": "ecology", "文物遗产": "heritage", "其他": "other"})),
        Column("riverSection", "reach"), Column("areaCode", "division", Division(townships=True)),
        Column("site", "place/description"), Column("location", ("place/longitude", "place/latitude"), LngLat()),
        Column("foundDate", "found_on", Date(drop_time=True)), Column("clueDesc", "finding", required=True),
        Items("attachments", "evidence", (Column("fileName", "name"), Column("sha256", "sha256"))),
        Column("handleOffices", "offices", Each(separators="")),
        Column("status", "state", Codes(
            {"0": "lead", "1": "accepted", "2": "consulted", "3": "litigated", "9": "closed"})),
        Column("sourceCity", "@sender"), Column("result", "@outcome"),
    ),
)  # fmt: skip

DIALECT = Dialect("620400", "白银市", "grid", (DISPUTE, HAZARD, LEAD))
