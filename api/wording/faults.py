"""What is wrong with a policy or a procedure register, said with line and key."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

FAULTS: Final[Mapping[str, str]] = {
    "{fault} ({count} more after this one.)": "{fault}（此外还有 {count} 处。）",
    # Of every such file.
    "{place}: larger than 4 MiB. That cannot be the file meant; name another.":
        "{place}：大于 4 MiB，不会是所指的文件；请另指文件。",
    "{place}: not UTF-8 at byte {byte}. Save the file as UTF-8.":
        "{place}：第 {byte} 字节处不是 UTF-8。请将文件存为 UTF-8。",
    "{place}: cannot be read ({reason}). Check the path.": "{place}：无法读取（{reason}）。请检查路径。",
    "{place}: not valid TOML: {reason}. Mend this line.": "{place}：不是有效的 TOML：{reason}。请改正此行。",
    "Unknown key. {rest}": "未知的键。{rest}",
    "This key is missing. Add it.": "缺少此键。请补上。",
    "Unknown value {given}. {rest}": "未知的取值 {given}。{rest}",
    "Known: {names}. One of your own is adopted first: `kaoji procedure adopt FILE --by STAFF_ID`.":
        "已知：{names}。自订的须先采用：`kaoji procedure adopt FILE --by STAFF_ID`。",
    "A code is small letters and digits, joined by single - _ or . signs":
        "代码由小写字母和数字组成，以单个 -、_ 或 . 连接",
    "A number is needed": "须为数值",
    "A finite number is needed": "须为有限的数值",
    "{given} is out of all proportion. Write a number of usual size.": "{given} 大小失当。请写大小正常的数。",
    "A rate is less than or equal to 1; it is {given} here. Write 0.9 for 90 %.":
        "比率不大于 1；此处为 {given}。90 % 请写 0.9。",
    "{fault}; it is {given} here.": "{fault}；此处为 {given}。",
    "It must be greater than or equal to {bound}": "须大于或等于 {bound}",
    "It must be less than or equal to {bound}": "须小于或等于 {bound}",
    "It must be greater than {bound}": "须大于 {bound}",
    "It must be less than {bound}": "须小于 {bound}",
    "Write true or false, without quotes": "请写 true 或 false，不加引号",
    "Write a date without quotes, for one 2021-07-15": "请写日期，不加引号，例如 2021-07-15",
    "Write a table: {example}": "请写表：{example}",
    "Write a whole number, without quotes": "请写整数，不加引号",
    "Write a text, in quotes": "请写文字，加引号",
    "Write a list: [first, second]": "请写列表：[第一项, 第二项]",
    # Penalties.
    "would reward the number or amount of penalties. A score may never do that: fines and confiscations must "
    "not be tied to the appraisal of an authority or its staff (行政处罚法 §74).":
        "会奖励处罚的数量或金额。评分绝不可如此：罚款、没收不得同作出行政处罚的机关或其工作人员的考核直接或变相"
        "挂钩（行政处罚法第七十四条）。",
    "Measure '{code}' {why} Measure how cases are handled instead, by 'closure' or 'revocation'.":
        "度量 '{code}' {why}请改为评价案件办理得如何，用 'closure' 或 'revocation'。",
    "With step '{code}' required, a case conforms only if it ends in a penalty; so its conformance {why} Leave "
    "out `required`: a case may also be dismissed.":
        "步骤 '{code}' 若为必经，案件唯有处罚才算符合程序；故其符合率{why}请去掉 `required`：案件也可不予处"
        "罚。",
    "Points from {number} members of '{code}' on, penalties among them, {why} Leave out `minimum_exposure`, or "
    "name an `exposure` without penalties, for one 'workload-licences'.":
        "'{code}' 满 {number} 件才得分，其中含处罚，{why}请去掉 `minimum_exposure`，或另指不含处罚的 "
        "`exposure`，例如 'workload-licences'。",
    # Policies.
    "{kind} '{code}' is already there. Remove or rename one.": "{kind} '{code}' 重复。请删除其一或改名。",
    "Indicator": "指标",
    "Bonus": "加分项",
    "Deduction": "扣分项",
    "Grade": "等次",
    "Competence": "能级",
    "bonus": "加分项",
    "deduction": "扣分项",
    "measure": "度量",
    "process": "过程",
    "register": "程序登记册",
    "How much there was to judge by is counted; '{code}' is a {form}. Known: {names}.":
        "评价依据的多少须是计数；'{code}' 是 {form}。已知：{names}。",
    "'{code}' is a number of things, which does not say whether there was enough to judge by. Name a measure "
    "that does, for one exposure = 'workload' (for a bonus 'workload-licences').":
        "'{code}' 是数量，不能说明依据是否足够。请指明能说明的度量，例如 exposure = 'workload'（加分项用 "
        "'workload-licences'）。",
    "Of '{code}' neither more nor less is better, so it earns no points. Use it as an `exposure`, or choose "
    "another measure.": "'{code}' 多少无所谓优劣，不能得分。请用作 `exposure`，或另选度量。",
    "For the measure '{code}' {better} is better. Leave `direction` out or mend it.":
        "度量 '{code}' 以 {better} 为优。请去掉或改正 `direction`。",
    "For the measure '{code}' {better} is better, but this {kind} says the opposite. Mend its points, or "
    "choose another measure.":
        "度量 '{code}' 以 {better} 为优，而此{kind}相反。请改正其分数，或另选度量。",
    "The weights add up to {total}, not 100 ({listed}). {rest}.":
        "权重合计 {total}，不是 100（{listed}）。{rest}。",
    "Take {amount} away": "请减去 {amount}",
    "Add {amount}": "请增加 {amount}",
    "An indicator or a bonus is called '{code}' already. Rename one.": "已有指标或加分项名为 '{code}'。请改名。",
    "Say how many points: either `points_each` or a `curve`.":
        "请说明分数：写 `points_each` 或 `curve`，只用其一。",
    "A {form} is no number of things. Use a `curve` instead.": "{form} 不是数量。请改用 `curve`。",
    "Without a ceiling there is no end to it. Add `ceiling`, the most points it can move.":
        "没有上限则无止境。请加 `ceiling`，即最多加减的分数。",
    "No score lies between {lowest} and {highest}. Mend one of them.":
        "{lowest} 与 {highest} 之间没有得分。请改正其一。",
    "There is no [[{table}]] to limit. Remove it.": "没有 [[{table}]] 可限。请删除。",
    "Two grades begin at {score}, so one of them is never given. Move one.":
        "两个等次都从 {score} 分起，其一永不会给出。请移动其一。",
    "A score below {score} has no grade. Let the lowest grade begin at {bound}.":
        "{score} 分以下没有等次。请使最低等次从 {bound} 分起。",
    "No score can earn the grade '{code}': the curves and weights give {lowest} to {highest}. Move its lower "
    "bound.": "没有得分能达到等次 '{code}'：曲线和权重只能给出 {lowest} 至 {highest} 分。请移动其下限。",
    "No score can earn it: the highest is {highest}. Move its lower bound.":
        "没有得分能达到：最高为 {highest} 分。请移动其下限。",
    "The indicator '{code}' gives {highest} points at most, not {points}. Ask for less.":
        "指标 '{code}' 最多 {highest} 分，达不到 {points} 分。请降低要求。",
    "'{code}' stands above '{below}' and {what}. Let it ask for more.":
        "'{code}' 高于 '{below}'，却{what}。请提高要求。",
    "asks for less: {names}": "要求更低：{names}",
    "asks for the same": "要求相同",
    # Curves.
    "A linear curve needs two points or more. Add where it begins or ends, or use a threshold.":
        "线性曲线至少要两点。请补上起点或终点，或用 threshold。",
    "A threshold has one point. Use kind = 'step' for several.": "threshold 只有一点。多点请用 kind = 'step'。",
    "Rate {rate} comes after {earlier}. Sort the points by rate, each once.":
        "比率 {rate} 排在 {earlier} 之后。请将各点按比率由小到大排列，每个只写一次。",
    "Points {what} from {one} to {other}, but {better} is better here. Someone who does better would get less; "
    "mend the points.":
        "分数由 {one} {what}至 {other}，而此处以 {better} 为优：做得更好反而得分更少。请改正分数。",
    "rise": "升",
    "fall": "降",
    "Every rate gets {points} points, so nothing is measured. Let the points differ.":
        "任何比率都得 {points} 分，等于没有评价。请使分数有别。",
    # Measures.
    "Measure '{code}' is already there. Choose another code.": "度量 '{code}' 已有。请另取代码。",
    "The numerator is always none or all of the denominator, so nothing is measured. Mend `met`.":
        "分子总是分母的全部或全无，等于没有评价。请改正 `met`。",
    "Nothing is counted '{name}'. {rest}": "没有可计的 '{name}'。{rest}",
    "They have no attribute '{name}'. {rest}": "其没有属性 '{name}'。{rest}",
    "A {form} takes no `{key}`. Remove it.": "{form} 不用 `{key}`。请删除。",
    "Which quantile? Add `quantile = 0.5` for the median, or another from 0 to 1.":
        "哪个分位数？请加 `quantile = 0.5`（中位数），或 0 至 1 的其他数。",
    "Only {names} have values. Name one, or count instead.": "只有 {names} 有数值。请写其一，或改为计数。",
    "A stock is of {names}; what happened is counted by the other kinds. Change `kind` or `of`.":
        "stock 用于 {names}；已发生的用其他种类计。请改 `kind` 或 `of`。",
    "To a {form} only {what} can be added. Name another population.": "{form} 只能加上{what}。请另指总体。",
    "what happened": "已发生的",
    "what stands open on the last day": "期末在办的",
    "Nothing can both have and lack an attribute. Mend one.": "不能既有又无同一属性。请改正其一。",
    "`plus` adds members that are counted already. Let each be counted once.":
        "`plus` 加上了已计入的。请使每个只计一次。",
    "A response is a ratio. Name another measure.": "response 须是 ratio。请另指度量。",
    # Procedure registers.
    "Process '{code}' is already there.": "过程 '{code}' 重复。",
    "Ends on {to}, before it begins on {from_}. Swap the two.": "止于 {to}，早于始日 {from_}。请对调。",
    "There is no `limit` that it could move. Give the procedure one, or leave this out.":
        "没有可变动的 `limit`。请为程序规定时限，或去掉此项。",
    "The limit counts {one} days. Give the extension in {same} days too.":
        "时限按 {one} 计日。延期也请按 {same} 计。",
    "Only licence cases are received and accepted. Say `family = \"licensing\"`, or leave this out.":
        "只有许可事项才有收件和受理。请写 `family = \"licensing\"`，或去掉此项。",
    "More than {most} steps are required. Join some, or require fewer.":
        "必经步骤超过 {most} 个。请合并，或减少必经步骤。",
    "Step '{code}' is there twice. Rename one.": "步骤 '{code}' 重复。请改名。",
    "Step '{code}' is no {family} action. Name one of `{same}`, or give the step a name of its own and send it "
    "as a `step-done`.":
        "步骤 '{code}' 不是 {family} 的行为。请写 `{same}` 的行为，或为步骤另取名称并以 `step-done` 发送。",
    "Another version of '{code}' has '{process}', '{family}'. Use one for all.":
        "'{code}' 的另一版本为 '{process}'、'{family}'。各版本请一致。",
    "Two versions of '{code}' are in force {now}. Give the older one a `valid_to` before the newer one's "
    "`valid_from`.": "'{code}' {now}有两个版本同时有效。请使旧版本的 `valid_to` 早于新版本的 `valid_from`。",
    "from {day}": "自 {day} 起",
    "always": "始终",
}  # fmt: skip
