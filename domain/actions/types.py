"""The types of administrative actions: name, permanent code, family, required fields, meaning."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final


@dataclass(frozen=True, slots=True)
class ActionType:
    """One type of action; `code` is permanent and stored, `required` names fields of `data`."""

    name: str
    code: int
    family: str
    required: tuple[str, ...]
    en: str
    zh: str


CASE_FAMILIES: Final = ("licensing", "enforcement", "inspection", "complaint")
"""The families whose actions make up a case and may give it an owner, a unit and a limit."""

_REQUIRED: Final[Mapping[str, tuple[str, ...]]] = {
    "service.rated": ("rating",),
    "service.error-cleared": ("of",),
    "review.decided": ("of", "outcome"),
    "plan.target-set": ("due",),
    "unit.moved": ("parent",),
    "record.corrected": ("of", "changes", "reason", "recorded_by"),
    "record.voided": ("of", "reason", "recorded_by"),
}

# The code of a type is its place in this list, counted from 1: never reorder, never remove, add at the end.
_TYPES: Final = (
    ("licensing.received", "A licence application came in", "收到许可申请"),
    ("licensing.accepted", "The application was accepted for examination", "受理许可申请"),
    ("licensing.correction-requested", "The applicant was asked to complete the papers", "通知补正"),
    ("licensing.corrected", "The applicant completed the papers", "申请人补正材料"),
    ("licensing.suspended", "The clock of the case was stopped", "许可期限中止"),
    ("licensing.resumed", "The clock of the case runs again", "许可期限恢复"),
    ("licensing.extended", "The limit was extended", "许可期限延长"),
    ("licensing.granted", "Decision: the licence is granted", "准予许可"),
    ("licensing.refused", "Decision: the licence is refused", "不予许可"),
    ("licensing.withdrawn", "The applicant withdrew", "申请人撤回申请"),
    ("licensing.delivered", "The decision was delivered to the applicant", "送达许可决定"),
    ("licensing.step-done", "Any other step of the procedure, named by `step`", "完成其他许可步骤"),
    ("enforcement.opened", "An enforcement case was opened", "立案"),
    ("enforcement.inspected", "An inspection was made in the case", "现场检查"),
    ("enforcement.evidence-preserved", "Evidence was preserved or seized", "证据保全"),
    ("enforcement.hearing-held", "A hearing was held", "举行听证"),
    ("enforcement.suspended", "The clock of the case was stopped", "案件期限中止"),
    ("enforcement.resumed", "The clock of the case runs again", "案件期限恢复"),
    ("enforcement.extended", "The limit was extended", "案件期限延长"),
    ("enforcement.penalised", "Decision: a penalty was imposed", "作出处罚决定"),
    ("enforcement.dismissed", "Decision: no penalty, the case is over", "不予处罚"),
    ("enforcement.transferred", "The case was handed to another authority", "移送案件"),
    ("enforcement.closed", "The case was closed", "结案"),
    ("enforcement.step-done", "Any other step of the procedure, named by `step`", "完成其他执法步骤"),
    ("inspection.planned", "An inspection was planned", "制定检查计划"),
    ("inspection.performed", "An inspection was performed", "实施检查"),
    ("complaint.received", "A complaint or report came in", "收到投诉举报"),
    ("complaint.accepted", "The complaint was accepted", "受理投诉举报"),
    ("complaint.mediated", "The parties were brought together", "投诉调解"),
    ("complaint.verified", "The lead was verified", "核查举报线索"),
    ("complaint.answered", "The citizen was told the result", "答复投诉举报人"),
    ("review.applied", "Reconsideration or court review of a decision was applied for", "申请复议或提起诉讼"),
    ("review.decided", "The review of a decision came to its outcome", "复议或诉讼结果"),
    ("service.rated", "A citizen rated the service", "服务评价"),
    ("service.error-found", "An error in the service was found", "发现服务差错"),
    ("service.error-cleared", "An error found turned out to be none", "差错认定撤销"),
    ("plan.target-set", "A target of the annual plan was set, or its due date moved", "下达计划目标"),
    ("plan.target-completed", "The target was reached", "完成计划目标"),
    ("plan.target-cancelled", "The target was cancelled, with a reason", "取消计划目标"),
    ("quality.audit-held", "An internal audit was held", "内部审核"),
    ("quality.finding-raised", "A finding was raised", "提出不符合项"),
    ("quality.correction-planned", "A corrective action was planned", "制定纠正措施"),
    ("quality.correction-completed", "The corrective action was carried out", "完成纠正措施"),
    ("quality.correction-verified", "The corrective action was verified as effective", "验证纠正措施"),
    ("quality.review-held", "A management review was held", "管理评审"),
    ("quality.document-approved", "A document of the management system was approved", "批准体系文件"),
    ("training.completed", "A training was completed", "完成培训"),
    ("staff.joined", "A person joined the administration", "人员入职"),
    ("staff.assigned", "A person was assigned to a unit or post", "人员调任"),
    ("staff.left", "A person left the administration", "人员离职"),
    ("unit.opened", "A unit was opened", "设立机构"),
    ("unit.renamed", "A unit was renamed", "机构更名"),
    ("unit.moved", "A unit was placed under another one", "机构调整隶属"),
    ("unit.closed", "A unit was closed", "撤销机构"),
    ("record.corrected", "Fields of an earlier action were corrected", "更正记录"),
    ("record.voided", "An earlier action was voided, as if never sent", "作废记录"),
)

ACTION_TYPES: Final[Mapping[str, ActionType]] = MappingProxyType(
    {
        name: ActionType(name, code, name.partition(".")[0], _REQUIRED.get(name, ()), en, zh)
        for code, (name, en, zh) in enumerate(_TYPES, start=1)
    }
)
"""Every known type by its name, in the order of the codes; code 0 is a ledger event that is no action."""
