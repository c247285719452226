"""Errors that end a command, most of all those of who asks."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

ERRORS: Final[Mapping[str, str]] = {
    # Names.
    "No language '{language}'. Known: zh, en. See KAOJI_LANG and --lang.":
        "没有语言 '{language}'。可用 zh、en。见 KAOJI_LANG 和 --lang。",
    "No {kind} '{name}'. {rest}": "没有名为 '{name}' 的{kind}。{rest}",
    "Did you mean '{near}'? {rest}": "是否应为 '{near}'？{rest}",
    "Known are {count}, such as {names}. See `{command}`.": "已知 {count} 个，例如 {names}。请看 `{command}`。",
    "Known are {count}, such as {names}.": "已知 {count} 个，例如 {names}。",
    "Known: {names}. See `{command}`.": "已知：{names}。请看 `{command}`。",
    "Known: {names}.": "已知：{names}。",
    "None is known yet. See `{command}`.": "尚无。请看 `{command}`。",
    "None is known yet.": "尚无。",
    "policy": "考核办法",
    "procedure register": "程序登记册",
    "subject": "考核对象",
    "indicator": "指标",
    "action type": "行为类型",
    "quarantine code": "隔离代码",
    "staff member": "人员",
    "state": "状态",
    "view": "视图",
    "mapping": "映射",
    "Kafka setting": "Kafka 设置",
    "calendar": "日历",
    "parameter": "参数",
    "schema": "模式文件",
    "sender": "发送方",
    "source": "来源",
    "time zone": "时区",
    "topic": "主题",
    "shipped mapping": "自带映射",
    "'{subject}' is {kinds}. Say which with --by.": "'{subject}' 有多种含义（{kinds}）。请用 --by 指明。",
    # Dates, times and positions.
    "The period ends ({to}) before it begins ({from_}). Swap --from and --to.":
        "期间的终日（{to}）早于始日（{from_}）。请对调 --from 和 --to。",
    "--{name} '{text}' is no date. Write it as YYYY-MM-DD, for one 2011-12-31.":
        "--{name} '{text}' 不是日期。请写成 YYYY-MM-DD，例如 2011-12-31。",
    "--{name} '{text}' is neither a date nor a time. Write 2011-12-31, or 2011-12-31T18:00:00+08:00.":
        "--{name} '{text}' 既非日期也非时间。请写 2011-12-31 或 2011-12-31T18:00:00+08:00。",
    "--{name} '{text}' is neither a position nor a time. Write 120000, or 2012-01-31T18:00:00+08:00.":
        "--{name} '{text}' 既非台账位置也非时间。请写 120000 或 2012-01-31T18:00:00+08:00。",
    "There is no position {position} yet: the ledger ends at {head}.": "尚无位置 {position}：台账止于 {head}。",
    "There is no position {position}: the ledger ends at {head}.": "没有位置 {position}：台账止于 {head}。",
    "--as-of asks for one state, --between for two. Leave one of them out.":
        "--as-of 指一个状态，--between 指两个。请只用其一。",
    "between is '{text}'. Write two positions or times with two dots between them: 120000..130000.":
        "between 为 '{text}'。请写两个位置或时间，中间用两点：120000..130000。",
    "--between: {one} is later than {other}. Swap the two.": "--between：{one} 晚于 {other}。请对调。",
    "--{to} ({end}) lies before --{from_} ({begin}), so that nothing can match. Swap the two.":
        "--{to}（{end}）早于 --{from_}（{begin}），不会有任何匹配。请对调。",
    "--after and --limit are numbers from 0 up.": "--after 和 --limit 须为不小于 0 的数。",
    # Options and settings.
    "{option} needs a value. See `kaoji --help`.": "{option} 需要一个值。请看 `kaoji --help`。",
    "{seconds} is for `kaoji status --watch {same}`. Leave it out to look once.":
        "{seconds} 用于 `kaoji status --watch {same}`。只看一次请不写。",
    "The answer cannot be written: there is no room left. Make some, or name another place.":
        "结果无法写出：空间不足。请腾出空间，或另指位置。",
    "'{text}' is nowhere to listen. Write PORT or HOST:PORT; port 0 takes a free one.":
        "'{text}' 不能用于监听。请写 PORT 或 HOST:PORT；端口 0 表示任取空闲端口。",
    "{name} is '{text}'. Write a URL: http://HOST:PORT/v1/traces, or https://…":
        "{name} 为 '{text}'。请写网址：http://HOST:PORT/v1/traces 或 https://…",
    "{name} is '{text}'. Write one of: {names}.": "{name} 为 '{text}'。请写下列之一：{names}。",
    "{name} is '{text}'. Write a whole number from 1 to {most}, or leave it out.":
        "{name} 为 '{text}'。请写 1 至 {most} 的整数，或不写。",
    "KAOJI_KEYS is no place for keys. Write the path of a file, or postgresql://USER@HOST/DATABASE.":
        "KAOJI_KEYS 不是存放密钥的位置。请写文件路径，或 postgresql://USER@HOST/DATABASE。",
    "--sender {sender} needs a file that says who may send what: KAOJI_SENDERS or --senders FILE.":
        "--sender {sender} 需要一个说明谁可发送什么的文件：KAOJI_SENDERS 或 --senders FILE。",
    "Say whose files these are with --sender NAME. Known: {known}.":
        "请用 --sender NAME 说明文件由谁发送。已知：{known}。",
    "Dead letters in {topic} would be read as actions, and refused again. Name another topic.":
        "{topic} 中的退回记录会被当作行为读取而再次被拒。请另指主题。",
    # The store.
    "The ledger in {place} cannot be used: {reason}. Give its user the right, or name another user.":
        "{place} 中的台账无法使用：{reason}。请给其用户授权，或换用其他用户。",
    "The ledger in {place} does not answer: {reason}. Check that it is there and has room, then try again; "
    "records sent twice are recorded once.":
        "{place} 的台账无应答：{reason}。请确认其存在且有空间，然后重试；重复发送的记录只入账一次。",
    "The ledger in {place} is damaged: {reason}. `kaoji verify` says where; put its backup in place.":
        "{place} 的台账已损坏：{reason}。`kaoji verify` 指出何处；请恢复备份。",
    "The ledger in {place} cannot be used: {reason}. Was it made by another program or version?":
        "{place} 的台账无法使用：{reason}。是否由其他程序或版本建立？",
    "The ledger in {place} can only be read: {reason}. Ask for write permission.":
        "{place} 的台账只读：{reason}。请申请写权限。",
    "Another process keeps the ledger in {place} locked. A ledger has one writer at a time: wait for it or "
    "stop it, then try again.":
        "另一进程锁住了 {place} 的台账。台账同时只能由一方写入：请等待或停止它，然后重试。",
    "'{name}' is already recorded up to {position} or beyond, so another writer has taken it over. Nothing "
    "was written. Stop one of the two, and go on from the position that the ledger holds.":
        "'{name}' 已入账至 {position} 或更后，说明另一写入方已接管。未写入任何内容。请停止其一，从台账所载"
        "位置继续。",
    "Another process has just recorded event {version} of the same stream; nothing was written. Look at what "
    "it says, then try again.":
        "另一进程刚刚写入了同一序列的第 {version} 个事件；未写入任何内容。请查看其内容后重试。",
    "No quarantined record {entry}. See `kaoji quarantine list`.":
        "没有隔离记录 {entry}。请看 `kaoji quarantine list`。",
    "Somebody else has retried or dropped one of these entries meanwhile; nothing of them was written. List "
    "what is open with `kaoji quarantine list`, then try again.":
        "其间有人重试或放弃了其中的记录；未写入任何内容。请用 `kaoji quarantine list` 查看未决记录后重试。",
    "The store has given no answer for {seconds} s. See what it waits for: a lock, the disk, a server that is "
    "frozen.": "数据库 {seconds} 秒未应答。请查看它在等待什么：锁、磁盘，或服务器已停滞。",
    "Another process keeps the store locked ({reason}). Wait for it or stop it, then try again.":
        "另一进程锁住了数据库（{reason}）。请等待或停止该进程，然后重试。",
    "The store has no room: {reason}. Make some on its disk, then try again.":
        "数据库空间不足：{reason}。请在其磁盘上腾出空间后重试。",
    "The store cannot be opened: {reason}. Check that it and its folder can be written.":
        "数据库无法打开：{reason}。请检查文件及其文件夹是否可写。",
    "The store does not answer: {reason}. Start it, then try again.": "数据库无应答：{reason}。请启动后重试。",
    "The store is damaged: {reason}. `kaoji verify` says where; put a backup in place with `kaoji restore`.":
        "数据库已损坏：{reason}。`kaoji verify` 指出何处；请用 `kaoji restore` 恢复备份。",
    "Another process carried the view {view} on.": "另一进程已推进视图 {view}。",
    "Another process has replaced the view {view}. Try again.": "另一进程已替换视图 {view}。请重试。",
    "Another process has just begun a build of {view}.": "另一进程刚开始构建 {view}。",
    "The store is no SQLite file. PostgreSQL is backed up with `pg_dump --format=custom` and restored with "
    "`pg_restore`: see the page on backups.":
        "数据库不是 SQLite 文件。PostgreSQL 用 `pg_dump --format=custom` 备份，用 `pg_restore` 恢复：见备份"
        "说明。",
    "There is no ledger in {place} yet. Make one with `kaoji ingest FILE`, or name the right one with --store.":
        "{place} 尚无台账。请用 `kaoji ingest FILE` 建立，或用 --store 指向正确的台账。",
    "The ledger in {place} has format {number}; this Kaoji reads format {known}. Use the version that made it.":
        "{place} 的台账为格式 {number}；本版考绩读格式 {known}。请用建立它的版本。",
    "The folder {folder} cannot be written. Ask for permission, or name another store.":
        "文件夹 {folder} 不可写。请申请权限，或另指数据库。",
    "The folder {folder} does not exist. Make it first, or name another store.":
        "文件夹 {folder} 不存在。请先建立，或另指数据库。",
    "{path} holds no ledger ({reason}). Name another file with --store, or put its backup in place.":
        "{path} 中没有台账（{reason}）。请用 --store 另指文件，或恢复其备份。",
    "{path} is a database of something else (it has tables {tables}). Name another file with --store.":
        "{path} 是其他用途的数据库（含表 {tables}）。请用 --store 另指文件。",
    "{path} is no file. Name a file for the ledger, such as {example}.":
        "{path} 不是文件。请为台账指定文件，例如 {example}。",
    "{url} names no file. Write sqlite:///kaoji.db for one in this folder, sqlite:////var/… for any.":
        "{url} 未指明文件。本文件夹内写 sqlite:///kaoji.db，任意位置写 sqlite:////var/…。",
    "Schema '{schema}' of {place} has a table stored_events that is not ours. Name another database.":
        "{place} 的模式 '{schema}' 有一个不属于考绩的表 stored_events。请另指数据库。",
    "Schema '{schema}' of {place} holds keys (KAOJI_KEYS), and a backup of the ledger must not hold them. "
    "Name another database or schema for the store.":
        "{place} 的模式 '{schema}' 存有密钥（KAOJI_KEYS），而台账的备份不得含有密钥。请为台账另指数据库或模"
        "式。",
    "{place} does not answer: {reason}. Start it, or name another store with --store.":
        "{place} 无应答：{reason}。请启动它，或用 --store 另指。",
    "{place} is not reached as the URL asks: {reason}. Look at sslmode, sslrootcert and the host in the store "
    "URL, and at the server's certificate and pg_hba.conf.":
        "未能按地址要求连接 {place}：{reason}。请检查数据库地址中的 sslmode、sslrootcert 和主机名，以及服务器的"
        "证书和 pg_hba.conf。",
    "{place} has no schema of that search path. Make it with CREATE SCHEMA.":
        "{place} 没有该搜索路径的模式。请用 CREATE SCHEMA 建立。",
    "{place} refuses: {reason}. Mend the store URL, or make the database.":
        "{place} 拒绝连接：{reason}。请改正数据库地址，或建立数据库。",
    "The ledger in {place} takes no writes: {said}. It is a standby, or set to be read only: name the primary "
    "with --store, or have it take writes.":
        "{place} 的台账不接受写入：{said}。它是备机或被设为只读：请用 --store 指向主机，或使其可写。",
    "The store takes no writes: {said}. It is a standby, or set to be read only: name the primary with "
    "--store, or have it take writes.":
        "数据库不接受写入：{said}。它是备机或被设为只读：请用 --store 指向主机，或使其可写。",
    "{keys} takes no writes: {said}. It is a standby, or set to be read only: name the primary with --store, "
    "or have it take writes.":
        "{keys}不接受写入：{said}。它是备机或被设为只读：请用 --store 指向主机，或使其可写。",
    # The quarantine.
    "Entry {entry} is not open any more: leave out what was retried or dropped already.":
        "记录 {entry} 已非未决：请去掉已重试或已放弃的。",
    "Entries {entries} are not open any more: leave out what was retried or dropped already.":
        "记录 {entries} 已非未决：请去掉已重试或已放弃的。",
    "Name entries by number, or choose them with --code, --source, --case, --place, --from or --to.":
        "请写记录编号，或用 --code、--source、--case、--place、--from、--to 选择。",
    # Backups.
    "There is nothing to back up: {place} is not there.": "没有可备份的内容：{place} 不存在。",
    "{file} is there already, or its folder is not. Name a new file in a folder.":
        "{file} 已存在，或其文件夹不存在。请在文件夹中另取文件名。",
    "There is no file {file}. Name one that `kaoji backup` wrote.":
        "没有文件 {file}。请指定 `kaoji backup` 写出的文件。",
    "{place} is there already (or a log of it), and nothing is overwritten. Stop what uses it, move it away, "
    "and restore then.": "{place}（或其日志）已存在，不会被覆盖。请停止使用它的程序，将其移开后再恢复。",
    "The folder of {place} does not exist. Make it first.": "{place} 所在文件夹不存在。请先建立。",
    "{file} is damaged: {fault}. Take another backup; {place} was not made.":
        "{file} 已损坏：{fault}。请换一份备份；未建立 {place}。",
    "The keys are in PostgreSQL. Back up the key database with `pg_dump --format=custom` and restore it with "
    "`pg_restore`: see the page on backups.":
        "密钥在 PostgreSQL 中。请用 `pg_dump --format=custom` 备份密钥库，用 `pg_restore` 恢复：见备份说明"
        "。",
    "{file} does not hold: {faults}. Take another backup.": "{file} 未通过核验：{faults}。请换一份备份。",
    # Policies and registers.
    "{met} was adopted at position {position} by {by} at the same moment; yours was not recorded. Look at it "
    "with `{command} show {rule}`, then adopt yours if you still want it.":
        "{met} 在同一时刻由 {by} 在位置 {position} 采用；您的未入账。请用 `{command} show {rule}` 查看，如"
        "仍需要再采用您的。",
    "it lacks an adoption that is in the ledger": "缺少台账中的一项采用",
    "'{name}' is no name for a policy. A name is small letters and digits, joined by single - _ or . signs, "
    "for one north-2026.":
        "'{name}' 不能作办法名称。名称由小写字母和数字组成，以单个 -、_ 或 . 连接，例如 north-2026。",
    "In {base} `name` and `version` do not stand on lines of their own at the top, so they cannot be changed "
    "for you. Copy it by hand.": "{base} 的 `name` 和 `version` 未在开头独占一行，无法代为修改。请手工复制。",
    "{path} is there already. Name another file, or remove it first.": "{path} 已存在。请另取文件名，或先删除。",
    "{path} cannot be written ({reason}). Name another file.": "{path} 无法写入（{reason}）。请另取文件名。",
    "The {kind} '{name}' was adopted at position {at}, after position {upto} that is asked about. Ask for a "
    "state from {from_} on.":
        "{kind} '{name}' 在位置 {at} 才采用，晚于所问的位置 {upto}。请查询 {from_} 及以后的状态。",
    "--by '{by}' is no staff id. Give the id of the person who adopts, as actions name it (S10009).":
        "--by '{by}' 不是人员编号。请写采用人在行为中的编号（S10009）。",
    "--written-by '{by}' is no staff id. Give the id of the author, as actions name it (S10009).":
        "--written-by '{by}' 不是人员编号。请写起草人在行为中的编号（S10009）。",
    "{by} wrote this {kind}. Who writes one does not approve it: let another person adopt it.":
        "本{kind}由 {by} 起草。起草人不得自行批准：请由他人采用。",
    "--reason is longer than {most} characters or holds some that cannot be printed. Write a sentence or two.":
        "--reason 超过 {most} 字，或含有无法显示的字符。请写一两句话。",
    "--valid-from '{text}' is no date. Write it as YYYY-MM-DD, for one 2012-01-01.":
        "--valid-from '{text}' 不是日期。请写成 YYYY-MM-DD，例如 2012-01-01。",
    "The name '{name}' reads as that of a file. Leave .toml out of `name`.":
        "名称 '{name}' 像文件名。`name` 中请去掉 .toml。",
    "Version {version} of the {kind} '{name}' was adopted at position {position} with other content, and an "
    "adopted version never changes. {rest}":
        "{kind} '{name}' 第 {version} 版已在位置 {position} 以其他内容采用，已采用的版本永不更改。{rest}",
    "Version {version} of the {kind} '{name}' is shipped with other content. {rest}":
        "{kind} '{name}' 第 {version} 版随产品提供，内容不同。{rest}",
    "The newest version of the {kind} '{name}' is {newest}; this one is {version}. {rest}":
        "{kind} '{name}' 的最新版本是第 {newest} 版；此为第 {version} 版。{rest}",
    "Write `version = {version}` and adopt again, or give it a name of its own. `{command} diff` shows what "
    "differs.": "请写 `version = {version}` 后再采用，或另取名称。`{command} diff` 显示差异。",
    "can be adopted": "可以采用",
    "adopted at position {position}": "已在位置 {position} 采用",
    # What if.
    "other grades": "等次界限不同",
    "other rounding": "取位不同",
    "and {count} more": "另有 {count} 项",
    "Say what would be otherwise: another policy (--against), another weight or target (--weight CODE=30, "
    "--target CODE=0.9), or what is left out (--without-procedure, --without-source).":
        "请说明作何假设：另一办法（--against），另一权重或目标（--weight CODE=30、--target CODE=0.9），或略"
        "去什么（--without-procedure、--without-source）。",
    "--{option} names '{code}' twice. Name it once.": "--{option} 两次指明 '{code}'。请只写一次。",
    "--{option} '{text}' is no CODE=NUMBER. Write for one {example}.":
        "--{option} '{text}' 不是 CODE=数值。例如 {example}。",
    "All weights are 0, so there is no score. Give one of them a weight.":
        "权重全为 0，无法计分。请至少给一项权重。",
    "The {what} of '{code}' cannot be {value}. Write a number from 0 to {most}.":
        "'{code}' 的{what}不能为 {value}。请写 0 至 {most} 的数。",
    "weight": "权重",
    "target": "目标",
    # Tallies.
    "{name} is no tally of version 2. Write one with `kaoji tally export`.":
        "{name} 不是第 2 版计数文件。请用 `kaoji tally export` 写出。",
    "{name} is not as it was written: its checksum differs. Copy or write it again.":
        "{name} 与写出时不同：校验和不符。请重新复制或写出。",
    "{name} has a head that cannot be read: {error}. Write it again.":
        "{name} 的文件头无法读取：{error}。请重新写出。",
    "{name} was counted in another context than that of {policy} ({differing} differ), so it cannot be added "
    "up with it. Export it again with --policy {same}, by the same register and the same version of Kaoji.":
        "{name} 的计数背景与 {policy} 不同（{differing}），不能合计。请以同一登记册、同一版本的考绩用 --pol"
        "icy {same} 重新导出。",
    "{one} and {other} are of the same ledger, so its actions would count twice. Name one of them.":
        "{one} 和 {other} 出自同一台账，行为会重复计数。请只写其一。",
    "{path} cannot be read: {reason}. Name a file that is there.":
        "{path} 无法读取：{reason}。请指定存在的文件。",
    "{path} is there, and no file. Name another place.": "{path} 已存在，且不是文件。请另指位置。",
    "{path} cannot be written: {reason}. Name another place.": "{path} 无法写入：{reason}。请另指位置。",
    # Views.
    "The view integrity proves the ledger as it grows: it is not paused.":
        "视图 integrity 随台账增长提供证明：不能暂停。",
    "The view {view} is not paused. See `kaoji projection list`.":
        "视图 {view} 未暂停。请看 `kaoji projection list`。",
    "The view integrity keeps a leaf of every position: it leaves out none.":
        "视图 integrity 保存每个位置的叶：不能略去任何位置。",
    "Position {position} is in the view {view} already, which stands at {reach}. An event can be left out "
    "only by a view that has not come to it.":
        "位置 {position} 已在视图 {view} 中（已至 {reach}）。只有尚未读到的视图才能略去事件。",
    "Position {position} is not left out of the view {view}. See `kaoji projection list`.":
        "视图 {view} 并未略去位置 {position}。请看 `kaoji projection list`。",
    "The view {view} is paused at {reach}, before position {position}: resume it first.":
        "视图 {view} 暂停在 {reach}，尚未读到位置 {position}：请先恢复该视图。",
    "{why} The view {view} is as it was: it still leaves out {positions}.":
        "{why}视图 {view} 保持原样，仍略去 {positions}。",
    "Position {position} cannot be taken in ({kind}: {reason}).": "位置 {position} 无法纳入（{kind}：{reason}）。",
    "A pause, a skip or another rebuild came in between.": "其间有暂停、略去或另一次重建。",
    "Give a reason of up to {most} characters with --reason.": "请用 --reason 写明原因，不超过 {most} 字。",
    # Files of actions.
    "{path}: holds actions already. Leave out --mapping, which is for XES and CSV.":
        "{path}：已是行为记录。请不写 --mapping，它用于 XES 和 CSV。",
    "{path}: needs a mapping that says what its parts mean: --mapping FILE. `kaoji mapping suggest {same}` "
    "drafts one.": "{path}：需要说明各部分含义的映射：--mapping FILE。`kaoji mapping suggest {same}` 可起草。",
    "{path}: is {found_form}, but mapping {mapping} reads {wanted_form}. Name a mapping for it.":
        "{path}：是 {found_form}，而映射 {mapping} 读取 {wanted_form}。请另指映射。",
    "{name}: cannot be read further ({reason}).": "{name}：无法继续读取（{reason}）。",
    "{name}: cannot be read ({reason}).": "{name}：无法读取（{reason}）。",
    "{name}: ends in {suffix} but is not packed with {packing}. Rename it, or fetch it again.":
        "{name}：以 {suffix} 结尾，却不是 {packing} 压缩。请改名，或重新获取。",
    "{name}: the {packing} file breaks off after {count} bytes. Fetch it again whole; what was recorded so "
    "far is recognised and not recorded twice.":
        "{name}：{packing} 文件在 {count} 字节后中断。请重新获取完整文件；已入账的会被识别，不会重复入账。",
    "{name}: the {packing} data is damaged near byte {count} ({reason}). Fetch it again whole; what was "
    "recorded so far is recognised and not recorded twice.":
        "{name}：{packing} 数据在第 {count} 字节附近损坏（{reason}）。请重新获取完整文件；已入账的会被识别"
        "，不会重复入账。",
    "{path}: cannot be opened ({reason}).": "{path}：无法打开（{reason}）。",
    "Standard input is closed. Name a file, or send something into it.":
        "标准输入已关闭。请指定文件，或向其输入内容。",
    "A file name is empty. Name a file, or `-` for standard input.":
        "文件名为空。请指定文件，或用 `-` 表示标准输入。",
    "{path}: no such file. Check the path.": "{path}：没有此文件。请检查路径。",
    "{path}: is a folder. Name the files in it, such as {same}/*.ndjson.":
        "{path}：是文件夹。请写其中的文件，例如 {same}/*.ndjson。",
    "{name}: unpacks to more than {times} times its size, as a decompression bomb does. If it is none, unpack "
    "it yourself and read the plain file.":
        "{name}：解压后超过原大小的 {times} 倍，形同解压炸弹。如非恶意，请自行解压后读取。",
    "{name}: is UTF-16. Save it as UTF-8: iconv -f UTF-16 -t UTF-8 {same}":
        "{name}：是 UTF-16。请存为 UTF-8：iconv -f UTF-16 -t UTF-8 {same}",
    "{path}: its name does not say what it is. Known: {names}, each also with .gz or .zst.":
        "{path}：文件名看不出格式。已知：{names}，均可加 .gz 或 .zst。",
    "Standard input (`-`) can be read once only.": "标准输入（`-`）只能读取一次。",
    "The {way} may not send for the source '{source}': send it as the sender that may, or add the source to "
    "the senders file.": "{way} 无权以来源 '{source}' 发送：请由有权的发送方发送，或将该来源加入发送方文件。",
    # Engines, exports, and what somebody did to ledger or views.
    "PySpark is not installed, or not whole. Install Kaoji's extra `spark` (pip install 'kaoji[spark]') and "
    "Java 17, or leave out --engine spark: the result is the same.":
        "未安装 PySpark，或安装不完整。请安装考绩的附加项 `spark`（pip install 'kaoji[spark]'）和 Java 17，或不写 "
        "--engine spark：结果相同。",
    "Spark did not start or did not finish: {reason} Is Java 17 or later there (java -version, JAVA_HOME)? "
    "Without --engine spark the result is the same.":
        "Spark 未能启动或未能完成：{reason} 是否有 Java 17 或更高版本（java -version、JAVA_HOME）？"
        "不写 --engine spark 结果相同。",
    "{folder} is not empty. Name a folder that is new, or empty it.":
        "{folder} 不是空文件夹。请指定新的文件夹，或将其清空。",
    "{folder} is a file. Name a folder that is new, or an empty one.":
        "{folder} 是文件。请指定新的或空的文件夹。",
    "{folder} cannot be written to ({reason}).": "{folder} 无法写入（{reason}）。",
    "The view {view} is damaged: {reason}. Make it anew: `kaoji rebuild {same}`.":
        "视图 {view} 已损坏：{reason}。请重建：`kaoji rebuild {same}`。",
    "Position {position} is missing from the ledger. `kaoji verify` lists all that are; put a backup in place.":
        "台账缺少位置 {position}。`kaoji verify` 会列出全部缺失；请用备份恢复。",
    "What stands at position {position} of the ledger cannot be read ({reason}). `kaoji verify` says what else "
    "was changed; put a backup in place.":
        "台账位置 {position} 的内容无法读取（{reason}）。`kaoji verify` 会说明还有哪些改动；请用备份恢复。",
    "The view {view} cannot take in position {position} ({kind}: {reason}), and stands still there. Tell who "
    "makes Kaoji; to go on without it until it is mended: `kaoji projection skip {same} {place} --reason TEXT`, "
    "and `unskip` once it is.":
        "视图 {view} 无法纳入位置 {position}（{kind}：{reason}），停在此处。请告知考绩的开发者；"
        "若要在修复前跳过它：`kaoji projection skip {same} {place} --reason TEXT`，修复后用 `unskip` 收回。",
}  # fmt: skip
