"""Xinzhou: the monthly tables that counties fill in, workbooks with titles, merged headings and sums."""

from adapters.dialect import Column, Dialect, Recipients, Table
from adapters.formats import Sheets
from adapters.formats.form import FOOT
from adapters.values import City, Codes, Date, DateTime, Division, Each, Flag, LngLat, Money, OfMonth

TYPES = Codes(
    {"婚姻家庭": "family", "邻里关系": "neighbours", "房屋宅基地": "housing_land", "合同": "contract",
     "生产经营": "production", "损害赔偿": "damages", "山林土地": "mountain_forest_land", "草地": "grassland",
     "水利": "water", "矿产": "mining", "征地拆迁": "expropriation", "环境污染": "environment", "劳动争议": "labour",
     "消费": "consumer", "医疗": "medical", "道路交通": "traffic", "物业": "property_management", "旅游": "tourism",
     "知识产权": "intellectual_property", "网络": "internet", "其他": "other"}
)  # fmt: skip
SOURCES = Codes(
    {"依申请": "party_application", "主动排查": "on_own_initiative", "公安移送": "police_transfer",
     "法院委托": "court_entrustment", "政府交办": "government_assignment", "热线转办": "hotline",
     "网格上报": "grid_report", "外市转来": "other_city"}
)  # fmt: skip
STATES = Codes(
    {"已登记": "registered", "调查中": "investigating", "调解中": "mediating", "已达成协议": "agreed",
     "履行中": "performing", "已终止": "ended", "已办结": "closed", "已移交": "handed_over"}
)  # fmt: skip
ENDS = Codes(
    {"达成协议": "agreed", "和解撤回": "settled_withdrawn", "联系不上": "unreachable", "不愿调解": "party_unwilling",
     "分歧过大": "too_far_apart", "超过期限": "expired", "拒绝签字": "refused_to_sign", "其他": "other"}
)  # fmt: skip
LEVELS = Codes({"村级": "village", "乡级": "township", "县级": "county", "市级": "city"})
MODES = Codes(
    {"本地": "local", "委托": "entrusted", "移交": "transferred", "邀请": "invited", "联合": "joint"}
)
RISKS = Codes({"A级": "red", "B级": "orange", "C级": "yellow", "D级": "blue"})
COUNTY = Division(written="name")
DAY = Date("%Y.%m.%d", serials=True)
TIME = DateTime("%Y.%m.%d %H:%M:%S", at="00:00", serials=True)
DUE = DateTime("%Y.%m.%d %H:%M:%S", at="18:00", serials=True)
LINES = Each(separators="\n")
NOTIFIED = Recipients("通报市")

MEDIATION = Table(
    kind="mediation_case", number="案件登记/编号", at="调解台账", recipients=NOTIFIED,
    columns=(
        Column("序号", "@row"), Column("案件登记/编号", "case_number"),
        Column("案件登记/县（市、区）", "division", COUNTY, also=("案件登记/县区",)),
        Column(("@month", "案件登记/受理/时间"), "accepted_at", OfMonth(TIME), also=("案件登记/受理/日期",)),
        Column("案件登记/受理/来源", "source", SOURCES), Column("案件登记/受理/层级", "level", LEVELS),
        Column("案件登记/调解组织", "lead"),
        Column("纠纷情况/类别", "dispute_type", TYPES), Column("纠纷情况/名称", "private/title"),
        Column("纠纷情况/简要案情", "private/summary"),
        Column(("@month", "纠纷情况/发生/日期"), "occurred_on", OfMonth(DAY)),
        Column("纠纷情况/发生/地点", "place/description"),
        Column("纠纷情况/发生/经纬度", ("place/longitude", "place/latitude"), LngLat()),
        Column("纠纷情况/涉及/人数", "parties_count"),
        Column("纠纷情况/涉及/金额（万元）", "amount", Money(unit="万元")),
        Column("纠纷情况/风险等级", "risk", RISKS),
        Column("当事人/申请方/基本情况/姓名或名称", "private/parties[*,role=applicant]/name"),
        Column("当事人/申请方/基本情况/类型", "private/parties[*,role=applicant]/type"),
        Column("当事人/申请方/联系方式/电话", "private/parties[*,role=applicant]/phone"),
        Column("当事人/申请方/联系方式/住址", "private/parties[*,role=applicant]/address", LINES),
        Column("当事人/申请方/代表人", "private/parties[*,role=applicant]/representative"),
        Column("当事人/被申请方/基本情况/姓名或名称", "private/parties[*,role=respondent]/name"),
        Column("当事人/被申请方/基本情况/类型", "private/parties[*,role=respondent]/type"),
        Column("当事人/被申请方/联系方式/电话", "private/parties[*,role=respondent]/phone"),
        Column("当事人/被申请方/联系方式/住址", "private/parties[*,role=respondent]/address", LINES),
        Column("当事人/被申请方/代表人", "private/parties[*,role=respondent]/representative"),
        Column("当事人/第三方", "private/parties[*,role=third_party]/name"),
        Column("协作/协作市", "partners[*]/city", Each(City())),
        Column("协作/协作单位", "partners[*]/organisation"),
        Column("协作/加入时间", "partners[*]/joined_at", Each(TIME)),
        Column("调解过程/方式", "mode", MODES), Column("调解过程/调解员/姓名", "private/mediators[*]/name"),
        Column("调解过程/调解员/电话", "private/mediators[*]/phone"),
        Column(("@month", "调解过程/首次调解/时间"), "sessions[1]/at", OfMonth(TIME)),
        Column("调解过程/首次调解/形式", "sessions[1]/form"),
        Column("调解过程/首次调解/参加单位", "sessions[1]/organisations"),
        Column("调解过程/首次调解/结果", "sessions[1]/outcome"),
        Column(("@month", "调解过程/末次调解/时间"), "sessions[2]/at", OfMonth(TIME)),
        Column("调解过程/末次调解/形式", "sessions[2]/form"),
        Column("调解过程/末次调解/参加单位", "sessions[2]/organisations"),
        Column("调解过程/末次调解/结果", "sessions[2]/outcome"),
        Column(("@month", "调解过程/期限/到期"), "due_at", OfMonth(DUE, ahead=True)),
        Column("调解过程/期限/延至", "extensions[*]/until", Each(DUE)),
        Column("调解过程/期限/延期原因", "extensions[*]/reason", LINES),
        Column("调解过程/提级/原层级", "escalations[1]/from_level", LEVELS),
        Column("调解过程/提级/现层级", "escalations[1]/to_level", LEVELS),
        Column(("@month", "调解过程/提级/时间"), "escalations[1]/at", OfMonth(TIME)),
        Column("调解过程/提级/原因", "escalations[1]/reason"),
        Column("调解结果/状态", "state", STATES), Column("调解结果/终止原因", "end_reason", ENDS),
        Column("调解结果/协议/形式", "agreement/form"),
        Column(("@month", "调解结果/协议/达成日期"), "agreement/concluded_on", OfMonth(DAY)),
        Column(("@month", "调解结果/协议/生效日期"), "agreement/effective_on", OfMonth(DAY)),
        Column(("@month", "调解结果/协议/履行期限"), "agreement/performance_due", OfMonth(DAY, ahead=True)),
        Column(("@month", "调解结果/协议/履行日期"), "agreement/performed_on", OfMonth(DAY)),
        Column("调解结果/协议/主要内容", "private/agreement_text"),
        Column("调解结果/司法确认/申请日期", "judicial_confirmation/applied_on", DAY),
        Column("调解结果/司法确认/法院", "judicial_confirmation/court"),
        Column("调解结果/司法确认/结果", "judicial_confirmation/state"),
        Column("调解结果/司法确认/裁定日期", "judicial_confirmation/decided_on", DAY),
        Column("调解结果/回访/日期", "follow_ups[*]/on", Each(DAY)),
        Column("调解结果/回访/情况", "follow_ups[*]/result", LINES),
        Column("移送公安", "police_referral", Flag("√", "×")), Column("移交至", "handed_over_to", COUNTY),
        Column("承接记录", "continues"),
        Column("来文市", "@sender"), Column("反馈情况", "@outcome"), Column("备注", "@note"),
    ),
)  # fmt: skip

INSPECTION = Table(
    kind="joint_inspection", number="隐患编号", system="hazards", at="隐患排查", recipients=NOTIFIED,
    columns=(
        Column("排查/县（市、区）", "division", COUNTY, also=("排查/县区",)),
        Column(("@month", "排查/日期"), "found_on", OfMonth(DAY), required=True),
        Column("排查/地点/名称", "place/description"),
        Column("排查/地点/经纬度", ("place/longitude", "place/latitude"), LngLat()),
        Column("隐患/领域", "domain", Codes({"道路": "road", "消防": "fire", "防汛": "flood", "矿山": "mine",
                                          "危化": "hazardous_chemicals", "燃气": "gas", "环卫": "sanitation",
                                          "其他": "other"})),
        Column("隐患/等级", "grade", RISKS), Column("隐患/描述", "finding", required=True),
        Column("整改/措施", "measures"), Column(("@month", "整改/时限"), "due_on", OfMonth(DAY, ahead=True)),
        Column("整改/进度", "state", Codes({"未整改": "found", "整改中": "rectifying", "已销号": "rectified",
                                          "逾期": "overdue"})),
        Column("参加单位", "organisations"), Column("来文市", "@sender"), Column("反馈情况", "@outcome"),
    ),
)  # fmt: skip

DIALECT = Dialect(
    "140900", "忻州市", "ledger", (MEDIATION, INSPECTION),
    forms=(
        Sheets(
            header_rows=4, title="忻州市毗邻地区协作月报表", foot=(*FOOT, "单位负责人", "报送"), newest="last"
        ),
    ),
)  # fmt: skip
