"""Baotou: work orders of the 12345 hotline, as its workbook and as its interface has them.

Only disputes (诉求类型) become cases; all other orders are passed over and counted. A hotline has no levels:
where 承办层级 is empty, the county's is meant. What the citizen says, and who he is, stays sealed.
"""

from adapters.dialect import Column, Dialect, Items, Recipients, Table
from adapters.formats import JsonList, Sheets
from adapters.values import City, Codes, Date, DateTime, Division, Each, Epoch, Flag, Labels, LngLat, Phone

TIME = DateTime("%Y/%m/%d %H:%M:%S", serials=True)
TERM = DateTime("%Y/%m/%d %H:%M:%S", at="17:30", serials=True)
DAY = Date("%Y/%m/%d", serials=True, drop_time=True)
SEVERAL = Each(separators=";")
BANNER = Division({"昆区": "150203", "土右旗": "150221", "达茂旗": "150223"}, written="name")
CHANNEL = Codes(
    {"12345热线": "hotline", "电话": "hotline", "微信": "hotline", "网站": "hotline", "蒙速办APP": "hotline",
     "国家平台": "hotline", "来人来访": "party_application", "排查发现": "on_own_initiative",
     "110联动": "police_transfer", "法院委派": "court_entrustment", "领导批示": "government_assignment",
     "网格上报": "grid_report", "兄弟盟市转来": "other_city"}
)  # fmt: skip
DISPUTES = Codes(
    {"婚姻家庭": "family", "邻里": "neighbours", "噪声扰邻": "neighbours", "房屋宅基地": "housing_land",
     "合同": "contract", "生产经营": "production", "损害赔偿": "damages", "山林土地": "mountain_forest_land",
     "草牧场": "grassland", "取水用水": "water", "矿产资源": "mining", "征收补偿": "expropriation",
     "污染": "environment", "拖欠工资": "labour", "劳资": "labour", "消费维权": "consumer", "医患": "medical",
     "交通事故": "traffic", "物业服务": "property_management", "旅游": "tourism",
     "知识产权": "intellectual_property", "网购网络": "internet", "其他": "other"}
)  # fmt: skip
STATUS = Codes(
    {"已派单": "registered", "待派单": "registered", "待签收": "registered", "核实中": "investigating",
     "办理中": "mediating", "协调中": "mediating", "协调一致": "agreed", "待履行": "performing", "终止": "ended",
     "退单": "ended", "办结": "closed", "已办结": "closed", "转外地办理": "handed_over"}
)  # fmt: skip
STATUS_CODE = Codes(
    {"10": "registered", "20": "investigating", "30": "mediating", "40": "agreed", "50": "performing", "80": "ended",
     "90": "closed", "95": "handed_over"}
)  # fmt: skip
LEVEL = Codes({"市直": "city", "旗县区": "county", "镇街": "township", "社区嘎查村": "village"})
URGENCY = Codes({"特急": "red", "紧急": "orange", "较急": "yellow", "普通": "blue", "一般": "blue"})
MODE = Labels({"单独承办": "local", "主协办": "joint"})
WHO = Codes({"个人": "natural_person", "企业": "organisation", "单位": "organisation"})
DEFAULTS = {"source": "hotline", "level": "county", "dispute_type": "other"}

WORKBOOK = Table(
    kind="mediation_case",
    number="工单编号",
    recipients=Recipients("抄送地区"),
    constants=DEFAULTS,
    only={"诉求类型": ("矛盾纠纷", "纠纷调处")},
    at="工单",
    forms=(Sheets(header_rows=2, title="包头市12345政务服务便民热线工单（矛盾纠纷）"),),
    columns=(
        Column("工单编号", "case_number"), Column("受理渠道", "source", CHANNEL),
        Column("受理时间", "accepted_at", TIME, also=("来电时间",)), Column("纠纷类别", "dispute_type", DISPUTES),
        Column("诉求标题", "private/title"), Column("诉求内容", "private/summary"),
        Column("诉求人/姓名", "private/parties[*,role=applicant]/name", SEVERAL),
        Column("诉求人/类别", "private/parties[*,role=applicant]/type", Each(WHO, ";")),
        Column("诉求人/电话", "private/parties[*,role=applicant]/phone", Each(Phone(), ";")),
        Column("诉求人/地址", "private/parties[*,role=applicant]/address", SEVERAL),
        Column("诉求人/联系人", "private/parties[*,role=applicant]/representative", SEVERAL),
        Column("被反映方/名称", "private/parties[*,role=respondent]/name", SEVERAL),
        Column("被反映方/类别", "private/parties[*,role=respondent]/type", Each(WHO, ";")),
        Column("被反映方/电话", "private/parties[*,role=respondent]/phone", Each(Phone(), ";")),
        Column("被反映方/地址", "private/parties[*,role=respondent]/address", SEVERAL),
        Column("被反映方/联系人", "private/parties[*,role=respondent]/representative", SEVERAL),
        Column("事发地/旗县区", "division", BANNER), Column("事发地/片区", "place/description"),
        Column("事发地/坐标", ("place/longitude", "place/latitude"), LngLat()),
        Column("事发地/发生日期", "occurred_on", DAY),
        Column("涉及人数", "parties_count"), Column("涉及金额(元)", "amount"), Column("紧急程度", "risk", URGENCY),
        Column("承办/单位", "lead"), Column("承办/层级", "level", LEVEL), Column("承办/方式", "mode", MODE),
        Column("承办/时限", "due_at", TERM), Column("承办/延期至", "extensions[1]/until", TERM),
        Column("承办/延期理由", "extensions[1]/reason"),
        Column("协办/地区", "partners[*]/city", Each(City())), Column("协办/单位", "partners[*]/organisation"),
        Column("协办/签收时间", "partners[*]/joined_at", Each(TIME)),
        Column("办理状态", "state", STATUS),
        Column("首次协调会/时间", "sessions[1]/at", TIME), Column("首次协调会/形式", "sessions[1]/form"),
        Column("首次协调会/参加单位", "sessions[1]/organisations"), Column("首次协调会/结果", "sessions[1]/outcome"),
        Column("二次协调会/时间", "sessions[2]/at", TIME), Column("二次协调会/形式", "sessions[2]/form"),
        Column("二次协调会/参加单位", "sessions[2]/organisations"), Column("二次协调会/结果", "sessions[2]/outcome"),
        Column("升级办理/原层级", "escalations[1]/from_level", LEVEL),
        Column("升级办理/升至", "escalations[1]/to_level", LEVEL), Column("升级办理/时间", "escalations[1]/at", TIME),
        Column("升级办理/理由", "escalations[1]/reason"),
        Column("终结原因", "end_reason"),
        Column("协议/形式", "agreement/form"), Column("协议/达成", "agreement/concluded_on", DAY),
        Column("协议/生效", "agreement/effective_on", DAY), Column("协议/履行期限", "agreement/performance_due", DAY),
        Column("协议/履行完毕", "agreement/performed_on", DAY), Column("协议/内容", "private/agreement_text"),
        Column("司法确认/申请", "judicial_confirmation/applied_on", DAY),
        Column("司法确认/法院", "judicial_confirmation/court"), Column("司法确认/状态", "judicial_confirmation/state"),
        Column("司法确认/裁定", "judicial_confirmation/decided_on", DAY),
        Column("转110", "police_referral"), Column("转外地", "handed_over_to", Division(written="name")),
        Column("调解员/姓名", "private/mediators[*]/name"), Column("调解员/电话", "private/mediators[*]/phone"),
        Column("答复意见", "private/minutes"),
        Column("回访/日期", "follow_ups[*]/on", Each(DAY)), Column("回访/满意度", "follow_ups[*]/result", SEVERAL),
        Column("来文地区", "@sender"), Column("协同结果", "@outcome"),
    ),
)  # fmt: skip

INTERFACE = Table(
    kind="mediation_case",
    name="hotline_orders",
    number="orderNo",
    recipients=Recipients("ccAreas", converter=Each(City(written="code", counties=True), separators="")),
    constants=DEFAULTS,
    only={"orderType": ("MDJF",)},
    forms=(JsonList("resultData.orders"),),
    columns=(
        Column("orderNo", "case_number"), Column("channel", "source", CHANNEL),
        Column("acceptTime", "accepted_at", Epoch()), Column("orderClass", "dispute_type", DISPUTES),
        Column("title", "private/title"), Column("content", "private/summary"),
        Column("caller.name", "private/parties[role=applicant]/name"),
        Column("caller.type", "private/parties[role=applicant]/type", WHO),
        Column("caller.phone", "private/parties[role=applicant]/phone", Phone()),
        Column("caller.address", "private/parties[role=applicant]/address"),
        Column("target.name", "private/parties[role=respondent]/name"),
        Column("target.type", "private/parties[role=respondent]/type", WHO),
        Column("target.phone", "private/parties[role=respondent]/phone", Phone()), Column("areaCode", "division"),
        Column("block", "place/description"), Column("lng", "place/longitude"), Column("lat", "place/latitude"),
        Column("peopleCount", "parties_count"), Column("amount", "amount"), Column("urgency", "risk", URGENCY),
        Column("handleDept", "lead"), Column("handleMode", "mode", MODE), Column("deadline", "due_at", Epoch()),
        Items("coDepts", "partners", (
            Column("areaCode", "city", City(written="code")), Column("deptName", "organisation"),
            Column("signTime", "joined_at", Epoch()))),
        Column("status", "state", STATUS_CODE), Column("police", "police_referral", Flag(yes="1", no="0")),
        Column("reply", "private/minutes"),
        Items("visits", "follow_ups", (Column("visitDate", "on"), Column("opinion", "result"))),
        Column("sourceArea", "@sender"), Column("outcome", "@outcome"),
    ),
)  # fmt: skip

DIALECT = Dialect("150200", "包头市", "hotline", (WORKBOOK, INTERFACE))
