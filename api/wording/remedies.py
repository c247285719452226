"""Why records are refused, and what mends them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

REMEDIES: Final[Mapping[str, str]] = {
    # What each code means.
    "The record is no JSON text in UTF-8: send one JSON object, each key once, numbers written out (no NaN, "
    "no Infinity), nested at most 200 deep.":
        "记录不是 UTF-8 编码的 JSON：请发送一个 JSON 对象，每个键只出现一次，数字须写出（不得用 NaN、Infini"
        "ty），嵌套不超过 200 层。",
    'The record is no CloudEvents 1.0 event: send an object with `specversion` "1.0" and texts for `id`, '
    "`source` and `type`.":
        '记录不是 CloudEvents 1.0 事件：请发送 `specversion` 为 "1.0"、`id`、`source`、`type` 均为文本的对'
        "象。",
    "No action has this `type`: send one of the types in this reference.":
        "没有这种 `type` 的行为：请使用参考手册所列类型。",
    "`subject`, `time` or a field that the type requires is absent: add it.":
        "缺少 `subject`、`time` 或该类型必填的字段：请补上。",
    "A field that is given holds something else than its rule allows: send a valid value, or leave an "
    "optional field out.": "所填字段的内容不符合规定：请填有效值；选填字段也可不填。",
    "Another action with the same `source` and `id` is recorded already: send this one under an id of its "
    "own, or correct the first with `record.corrected`.":
        "`source` 和 `id` 相同的另一行为已入账：请为本条另编 `id`，或用 `record.corrected` 更正前一条。",
    "`time` lies more than 24 hours ahead: send the time when it happened in the office.":
        "`time` 晚于现在 24 小时以上：请填实际办理时间。",
    "The sender is not one of those that may send for this `source`: send it as who it is from, or have the "
    "`source` added to the sender's list.":
        "该发送方无权以此 `source` 发送：请由其本来的发送方发送，或将此 `source` 加入该发送方的清单。",
    "The record is larger than 1 MiB: send evidence by reference, not inside the record.":
        "记录超过 1 MiB：证据请以引用方式发送，不要放入记录。",
    # What is wrong with one record.
    "`time` is {found}, more than 24 hours ahead; send the time when it happened in the office, and mind the "
    "offset.": "`time` 为 {found}，晚于现在 24 小时以上；请填实际办理时间，并注意时区偏移。",
    "The record has {size} bytes; send at most {most}: evidence goes in by reference.":
        "记录有 {size} 字节；最多 {most} 字节：证据请以引用方式发送。",
    "The line is longer than {most} bytes, of which the first are kept: send evidence by reference, not "
    "inside the record.": "该行超过 {most} 字节，只保留开头部分：证据请以引用方式发送，不要放入记录。",
    "The record is no JSON that can be read in one way only: {why}; send one JSON object in UTF-8, each key "
    "once.": "记录不是只有一种读法的 JSON：{why}；请发送一个 UTF-8 编码的 JSON 对象，每个键只出现一次。",
    "The record is {found}; send one JSON object that is a CloudEvent.":
        "记录为 {found}；请发送一个 CloudEvent 格式的 JSON 对象。",
    '`specversion` is {found}; send the text "1.0".': '`specversion` 为 {found}；请填文本 "1.0"。',
    "`data.{name}` is absent, and `{type}` needs it; send {wanted}.":
        "缺少 `data.{name}`，而 `{type}` 必须有此字段；请填{wanted}。",
    "`{name}` is absent; send {wanted}, as a text.": "缺少 `{name}`；请填{wanted}（文本）。",
    "`{name}` is absent; send {wanted}.": "缺少 `{name}`；请填{wanted}。",
    "`type` is {found}, which is not known; did you mean `{near}`?":
        "`type` 为 {found}，无此类型；是否应为 `{near}`？",
    "`type` is {found}, which is not known; send one of the types in docs/reference/actions.md.":
        "`type` 为 {found}，无此类型；请使用 docs/reference/actions.md 所列类型。",
    "{place} holds the character U+0000; send the text without it.": "{place} 含有字符 U+0000；请去掉后再发送。",
    "`{place}` is {found}; send {wanted}, as a text.": "`{place}` 为 {found}；请填{wanted}（文本）。",
    "`{place}` is {found}; send {wanted}.": "`{place}` 为 {found}；请填{wanted}。",
    "An action with this source and id is recorded with other content: send this one under an id of its own, "
    "or send record.corrected to change what is recorded.":
        "`source` 和 `id` 相同而内容不同的行为已入账：请为本条另编 `id`，或发送 record.corrected 更改已入账"
        "的内容。",
    "The header of `{name}` is sent twice: send each once.": "`{name}` 的消息头发送了两次：每个只发送一次。",
    "`{name}` is no header in binary mode: send data as the value.":
        "二进制模式下 `{name}` 不是消息头：数据请作为消息体发送。",
    "The header of `{name}` is not UTF-8: encode it so.": "`{name}` 的消息头不是 UTF-8：请改用 UTF-8 编码。",
    "Data is '{type}': send a JSON object as application/json.":
        "数据为 '{type}'：请以 application/json 发送 JSON 对象。",
    # What is wrong with a record on its way.
    "The Kafka record has no value: send the action; one that is wrong is voided by an action of its own.":
        "Kafka 记录没有消息体：请发送该行为；有误的行为须另发一条行为作废。",
    "A Kafka record holds one action: send each of the batch by itself.":
        "一条 Kafka 记录只含一个行为：请将批次中的各条分别发送。",
    "'{type}' is not read: send the event as JSON, {structured}.":
        "'{type}' 无法读取：请以 JSON 发送事件（{structured}）。",
    "JSON is sent in UTF-8, not in '{charset}': encode it so.":
        "JSON 须用 UTF-8，而非 '{charset}'：请改用 UTF-8 编码。",
    "The value is no JSON ({why}): send one JSON object.": "消息体不是 JSON（{why}）：请发送一个 JSON 对象。",
    # What is wrong with a row, or with what a mapping makes of it.
    "The row has {cells} cells, the header {columns}: put cells that hold the delimiter '{delimiter}' in double "
    "quotes, or mend the row.":
        "该行有 {cells} 个单元格，表头有 {columns} 个：含分隔符 '{delimiter}' 的单元格请加双引号，或改正该行。",
    "The row is longer than 1 MiB; shorten it.": "该行超过 1 MiB：请缩短。",
    "The row is not CSV ({why}): write a double quote inside a quoted cell twice, and close each.":
        "该行不是 CSV（{why}）：引号内的双引号请写两次，且引号须成对。",
    "The row holds a NUL character (U+0000); remove it.": "该行含有 NUL 字符（U+0000）：请删去。",
    "The row is not {encoding}: state the encoding of the file in the mapping, or mend the row.":
        "该行不是 {encoding} 编码：请在映射中写明文件编码，或改正该行。",
    "Mapping {name} does not say what the activity '{activity}' is: add it to [events.types] with its type, or to "
    "ignore, or state a default type.":
        "映射 {name} 未说明活动 '{activity}' 是什么：请在 [events.types] 中写明其类型，或列入 ignore，或设默认"
        "类型。",
    "The event has no '{attribute}', its time by the mapping: add it at the source.":
        "该事件缺少映射所定的时间 '{attribute}'：请在来源处补上。",
    "The event has no '{attribute}': add it at the source, or a default to [events].":
        "该事件缺少 '{attribute}'：请在来源处补上，或在 [events] 中设 default。",
    "The record has no '{attribute}', which makes its id by the mapping: add it there.":
        "记录缺少映射用作编号的 '{attribute}'：请在来源处补上。",
    "The case has no '{attribute}', which the mapping takes for its number: add it at the source.":
        "案件缺少映射用作案号的 '{attribute}'：请在来源处补上。",
    "Attribute '{attribute}' says '{text}', which is no time: mend it there, or state in the mapping under "
    "time_formats how it is written.":
        "属性 '{attribute}' 为 '{text}'，不是时间：请在来源处改正，或在映射的 time_formats 中写明其格式。",
    "Attribute '{attribute}' says '{text}', but {key} expects {wanted}: mend it at the source, or the rule.":
        "属性 '{attribute}' 为 '{text}'，而 {key} 要求{wanted}：请在来源处改正，或修改规则。",
    "Attribute '{attribute}' says '{text}', which the values of {key} do not name: add it to them in the mapping, "
    'or state other = "keep" or "omit".':
        "属性 '{attribute}' 为 '{text}'，{key} 的 values 未列此值：请在映射中加入，或设 other = \"keep\" 或 "
        '"omit"。',
    "A text holds a lone surrogate: mend it ({why}).": "文本含有不成对的代理字符：请改正（{why}）。",
    # What is wrong with a record that is tried again.
    "Only its first 1 MiB was kept: have it sent again, shorter.": "只保留了开头 1 MiB：请缩短后重新发送。",
    "Mapping {name} makes no action of it any more: drop it if that is right.":
        "映射 {name} 已不再由此产生行为：如确应如此，请放弃该条。",
    "absent": "空缺",
    # What is to be sent, or to stand there.
    "a date or time": "日期或时间",
    "a time": "时间",
    "a whole number": "整数",
    "a number": "数字",
    "a list of STAFF:SHARE": "STAFF:SHARE 的列表",
    "another value": "其他值",
    "an RFC 3339 date-time with its offset, capital T and Z, on a day that exists, such as {example}":
        "带时区偏移的 RFC 3339 日期时间（T 和 Z 大写，日期须存在），例如 {example}",
    "the case number (for `staff.*` the staff id, for `unit.*` the unit code)":
        "案号（`staff.*` 填人员编号，`unit.*` 填单位代码）",
    "as a text the case number (for `staff.*` the staff id, for `unit.*` the unit code)":
        "文本形式的案号（`staff.*` 填人员编号，`unit.*` 填单位代码）",
    "an id that is unique within `source`": "在 `source` 内唯一的编号",
    "the name of the sending system, such as /gx/licensing": "发送系统的名称，例如 /gx/licensing",
    "the type of the action, such as licensing.received": "行为类型，例如 licensing.received",
    'the text "application/json", or leave it out': '文本 "application/json"，或不填',
    "a version of the contract that is known here (up to {newest}) and try again once Kaoji is updated, or "
    "leave it out": "本系统已知的契约版本（至 {newest}），待考绩升级后再试，或不填",
    'a text of the digits 0 to 9, such as "12", or leave it out': '由数字 0 至 9 组成的文本，例如 "12"，或不填',
    "the fields as a JSON object in `data`": "`data` 中的 JSON 对象",
    "a JSON object, or leave it out": "JSON 对象，或不填",
    "`data.owner` too, the staff id of the one who has the rest of the shares":
        "`data.owner`，即享有其余份额的人员编号",
    "a whole number from 1 (worst) to 5 (best)": "1（最差）至 5（最好）的整数",
    "by reference: `ref`, and where there is one `sha256` (64 hex digits)":
        "引用 `ref`，如有则附 `sha256`（64 位十六进制数字）",
    "by when: a day (YYYY-MM-DD) or an instant (RFC 3339 with offset)":
        "截止时间：日期（YYYY-MM-DD）或时刻（带时区偏移的 RFC 3339）",
    "code in the procedure register": "程序登记册中的代码",
    "code of the unit above": "上级单位的代码",
    "code of the unit it goes to": "移送单位的代码",
    "code of the unit": "单位代码",
    "fields of `data`, or `time`, with their new values; null removes a field":
        "`data` 的字段或 `time` 及其新值；null 表示删除该字段",
    "free text that may hold personal data: sealed, and never read by scoring":
        "可含个人信息的文字：加密封存，计分从不读取",
    "minor, major or critical": "minor（轻微）、major（较重）或 critical（严重）",
    "one of {outcomes}": "下列之一：{outcomes}",
    "pass or fail": "pass（合格）或 fail（不合格）",
    "staff id of the one who answers for the case": "案件责任人的人员编号",
    "staff id of the one who did this, where it was not the owner": "实际办理人的人员编号（非责任人本人时）",
    "staff id of the one who made the record": "记录人的人员编号",
    "staff id of the one who supervises": "监督人的人员编号",
    "step of the procedure, by its code in the register": "程序步骤在登记册中的代码",
    "the action meant: its `source` and `id`; for `review.*` also a `case`":
        "所指行为的 `source` 和 `id`；`review.*` 也可用 `case`",
    "the competence grade or qualification": "能力等级或资格",
    "the decision meant: either its `source` and `id`, or its `case`":
        "所指决定：其 `source` 和 `id`，或其 `case`",
    "the legal basis, one text each": "法律依据，每条一个文本",
    "the post a person holds": "所任职务",
    "the result: free text, but for `inspection.*` and `review.decided`":
        "结果：自由文本（`inspection.*` 和 `review.decided` 除外）",
    "the target meant": "所指目标",
    "what a unit, post, target or document is called": "单位、岗位、目标或文件的名称",
    "where a decision is reviewed: reconsideration or court": "复审机关：reconsideration（复议）或 court（法院）",
    "who shares the credit: `share` in (0, 1] with at most six decimals, together at most 1; the owner, who "
    "must be given, has the rest":
        "分担人：`share` 在 (0, 1] 内，至多六位小数，合计不超过 1；必须填明责任人，其余份额归责任人",
    "why": "原因",
}  # fmt: skip
