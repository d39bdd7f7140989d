"""Ordos: registers of the banners' mediation committees and of joint patrols, CSV in GB18030."""

from adapters.dialect import Column, Dialect, Recipients, Table
from adapters.formats import Csv
from adapters.values import City, Codes, DateTime, Division, Each, Labels, Phone

BANNER = Division(written="name")
RISK = Codes({"重大": "red", "较大": "orange", "一般": "yellow", "较小": "blue"})
TYPE = Labels({"草牧场纠纷": "grassland", "邻里": "neighbours"})
SOURCE = Labels({"群众申请": "party_application", "信访转办": "government_assignment"})
LEVEL = Codes({"嘎查村": "village", "苏木乡镇": "township", "旗区": "county", "市": "city"})
STATE = Labels({"已受理": "registered", "正在调解": "mediating", "调解成功": "agreed"})

MEDIATION = Table(
    kind="mediation_case", number="案件编号",
    recipients=Recipients("协作地区"),
    columns=(
        Column("案件编号", "case_number"),
        Column("纠纷类型", "dispute_type", TYPE),
        Column("案件来源", "source", SOURCE),
        Column("调解级别", "level", LEVEL),
        Column("所属旗区", "division", BANNER, also=("旗区",)),
        Column("发生地点", "place/description"),
        Column("经度", "place/longitude"),
        Column("纬度", "place/latitude"),
        Column("发生日期", "occurred_on"),
        Column("受理时间", "accepted_at", DateTime(at="00:00"), also=("受理日期",)),
        Column("案件状态", "state", STATE),
        Column("调解方式", "mode"),
        Column("风险等级", "risk", RISK),
        Column("当事人数", "parties_count"),
        Column("涉案金额(元)", "amount", also=("涉案金额",)),
        Column("调解组织", "lead"),
        Column("协作地区", "partners[*]/city", Each(City())),
        Column("办理期限", "due_at", DateTime(at="18:00")),
        Column("调解会时间", "sessions[1]/at"),
        Column("调解会形式", "sessions[1]/form"),
        Column("参会单位", "sessions[1]/organisations"),
        Column("调解会结果", "sessions[1]/outcome"),
        Column("终止原因", "end_reason"),
        Column("协议形式", "agreement/form"),
        Column("协议达成日期", "agreement/concluded_on"),
        Column("协议生效日期", "agreement/effective_on"),
        Column("履行期限", "agreement/performance_due"),
        Column("是否移送公安", "police_referral"),
        Column("纠纷名称", "private/title"),
        Column("纠纷简述", "private/summary"),
        Column("申请人", "private/parties[*,role=applicant]/name", also=("申请人姓名",)),
        Column("申请人电话", "private/parties[*,role=applicant]/phone", Each(Phone(), "、;;")),
        Column("被申请人", "private/parties[*,role=respondent]/name", also=("被申请人姓名",)),
        Column("被申请人电话", "private/parties[*,role=respondent]/phone", Each(Phone(), "、;;")),
        Column("调解员", "private/mediators[*]/name"),
        Column("来文地区", "@sender"),
        Column("办理结果", "@outcome"),
    ),
)  # fmt: skip

INSPECTION = Table(
    kind="joint_inspection", number="排查编号", system="inspection",
    recipients=Recipients("通报地区"),
    columns=(
        Column("领域", "domain", Labels({"道路": "road", "危化品": "hazardous_chemicals"})),
        Column("所属旗区", "division", BANNER, also=("旗区",)),
        Column("地点", "place/description"),
        Column("经度", "place/longitude"),
        Column("纬度", "place/latitude"),
        Column("发现日期", "found_on", required=True),
        Column("隐患等级", "grade", RISK),
        Column("隐患描述", "finding", required=True),
        Column("整改措施", "measures"),
        Column("整改期限", "due_on"),
        Column("整改状态", "state", Labels({"未整改": "found"})),
        Column("参加单位", "organisations"),
        Column("来文地区", "@sender"),
    ),
)  # fmt: skip

DIALECT = Dialect(
    "150600", "鄂尔多斯市", "mediation", (MEDIATION, INSPECTION), forms=(Csv(encoding="gb18030"),)
)
