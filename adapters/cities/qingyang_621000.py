"""Qingyang: a zip in a drop folder each night, a file for each table, cells parted by bars, GB18030."""

from adapters.dialect import Column, Dialect, Recipients, Subject, Table
from adapters.formats import Archive, Csv
from adapters.values import City, Codes, Date, DateTime, Division, Each, Flag, Labels, LngLat, Money, Phone

TYPES = Labels(
    {"林草权属": "mountain_forest_land", "草原": "grassland", "油气矿产": "mining", "用水": "water",
     "土地征收": "expropriation", "宅基地": "housing_land", "邻里": "neighbours", "欠薪": "labour",
     "交通事故": "traffic"}
)  # fmt: skip
SOURCES = Labels({"群众申请": "party_application", "排查发现": "on_own_initiative", "派出所移送": "police_transfer",
                  "法院委派": "court_entrustment", "网格上报": "grid_report", "邻市移交": "other_city"})  # fmt: skip
LEVELS = Codes({"村组": "village", "乡镇": "township", "县区": "county", "市级": "city"})
STATES = Labels({"登记": "registered", "核查": "investigating", "调解": "mediating", "达成协议": "agreed"})
RISK = Codes({"特大": "red", "重大": "orange", "较大": "yellow", "一般": "blue"})
COUNTY = Division(written="name")
DAY = Date("%Y/%m/%d")
TIME = DateTime("%Y/%m/%d %H:%M:%S")
WORDS = Each(separators=";")
PHONES = Each(Phone())
NOTIFIED = Recipients("发往地区")

MEDIATION = Table(
    kind="mediation_case", number="登记号", at="调解案件", recipients=NOTIFIED,
    columns=(
        Column("案号", "case_number"), Column("矛盾类别", "dispute_type", TYPES),
        Column("受理来源", "source", SOURCES), Column("调处层级", "level", LEVELS),
        Column("县区", "division", COUNTY, also=("所属县区",)), Column("发生地", "place/description"),
        Column("坐标", ("place/longitude", "place/latitude"), LngLat(" ")),
        Column("发生日", "occurred_on", DAY), Column(("受理日期", "受理时刻"), "accepted_at", TIME),
        Column("进展", "state", STATES), Column("调处方式", "mode"), Column("风险", "risk", RISK),
        Column("涉及人数", "parties_count"), Column("标的(万元)", "amount", Money(unit="万元")),
        Column("牵头单位", "lead"), Column("协作市", "partners[*]/city", Each(City())),
        Column("协作单位", "partners[*]/organisation"), Column("加入时间", "partners[*]/joined_at", Each(TIME)),
        Column("办结期限", "due_at", DateTime("%Y/%m/%d %H:%M:%S", at="18:00")),
        Column("延期至", "extensions[1]/until", TIME), Column("延期理由", "extensions[1]/reason"),
        Column("首次会商时间", "sessions[1]/at", TIME), Column("首次会商形式", "sessions[1]/form"),
        Column("首次会商单位", "sessions[1]/organisations"), Column("首次会商结果", "sessions[1]/outcome"),
        Column("再次会商时间", "sessions[2]/at", TIME), Column("再次会商形式", "sessions[2]/form"),
        Column("再次会商单位", "sessions[2]/organisations"), Column("再次会商结果", "sessions[2]/outcome"),
        Column("提级前", "escalations[1]/from_level", LEVELS), Column("提级后", "escalations[1]/to_level", LEVELS),
        Column("提级时间", "escalations[1]/at", TIME), Column("提级理由", "escalations[1]/reason"),
        Column("终止原因", "end_reason"), Column("协议形式", "agreement/form"),
        Column("签订日", "agreement/concluded_on", DAY), Column("生效日", "agreement/effective_on", DAY),
        Column("应履行日", "agreement/performance_due", DAY), Column("实履行日", "agreement/performed_on", DAY),
        Column("确认申请日", "judicial_confirmation/applied_on", DAY),
        Column("确认法院", "judicial_confirmation/court"), Column("确认结果", "judicial_confirmation/state"),
        Column("裁定日", "judicial_confirmation/decided_on", DAY),
        Column("回访日", "follow_ups[1]/on", DAY), Column("回访情况", "follow_ups[1]/result"),
        Column("再访日", "follow_ups[2]/on", DAY), Column("再访情况", "follow_ups[2]/result"),
        Column("移送公安", "police_referral", Flag(yes="√", no="×")),
        Column("移交至", "handed_over_to", COUNTY), Column("原案标识", "continues"),
        Column("案由", "private/title"), Column("简要案情", "private/summary"),
        Column("申请方", "private/parties[*,role=applicant]/name", WORDS),
        Column("申请方性质", "private/parties[*,role=applicant]/type"),
        Column("申请方电话", "private/parties[*,role=applicant]/phone", PHONES),
        Column("申请方住址", "private/parties[*,role=applicant]/address", WORDS),
        Column("申请方代表", "private/parties[*,role=applicant]/representative", WORDS),
        Column("对方", "private/parties[*,role=respondent]/name", WORDS),
        Column("对方性质", "private/parties[*,role=respondent]/type"),
        Column("对方电话", "private/parties[*,role=respondent]/phone", PHONES),
        Column("对方住址", "private/parties[*,role=respondent]/address", WORDS),
        Column("对方代表", "private/parties[*,role=respondent]/representative", WORDS),
        Column("第三人", "private/parties[*,role=third_party]/name", WORDS),
        Column("第三人电话", "private/parties[*,role=third_party]/phone", PHONES),
        Column("调解员", "private/mediators[*]/name"), Column("调解员电话", "private/mediators[*]/phone"),
        Column("会议记录", "private/minutes"), Column("协议内容", "private/agreement_text"),
        Column("来文地区", "@sender"), Column("交换标识", "@id"), Column("办理结果", "@outcome"),
    ),
)  # fmt: skip

CONTRIBUTION = Table(
    kind="case_contribution", number="意见编号", at="协同意见", system="contributions", recipients=NOTIFIED,
    subject=Subject("所涉案件", "mediation"),
    columns=(
        Column("意见类别", "what", Labels(
            {"愿意参加": "join", "意见建议": "opinion", "接收案件": "hand_over_accepted"})),
        Column("出具单位", "organisation"), Column("出具时间", "at", TIME), Column("拟定会商时间", "proposed_at", TIME),
        Column("会商形式", "form"), Column("意见内容", "private/text"),
        Column("调解员", "private/mediators[*]/name"), Column("调解员电话", "private/mediators[*]/phone"),
        Column("来文地区", "@sender"), Column("办理结果", "@outcome"),
    ),
)  # fmt: skip

DIALECT = Dialect(
    "621000", "庆阳市", "mediation", (MEDIATION, CONTRIBUTION), forms=(Archive(Csv(delimiter="|")),)
)
