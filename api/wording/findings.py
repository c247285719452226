"""What `kaoji doctor` finds."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

FINDINGS: Final[Mapping[str, str]] = {
    "{version}; install {wanted} or later.": "{version}；请安装 {wanted} 或更新版本。",
    "It says {today}, which is past. Set it, or let a time service do so (NTP).":
        "时钟显示 {today}，已是过去。请校准，或启用时间服务（NTP）。",
    "It is {seconds} s behind the last record of the ledger. Set it, or let a time service do so (NTP).":
        "时钟比台账最后一条记录慢 {seconds} 秒。请校准，或启用时间服务（NTP）。",
    "POSTGRES_ENABLE_DB_FUNCTIONS makes the eventsourcing library drop offsets and the write lock. Unset it.":
        "POSTGRES_ENABLE_DB_FUNCTIONS 会使 eventsourcing 库丢弃位点和写锁。请取消该变量。",
    "PYTHONOPTIMIZE takes assertions away that guard the ledger. Unset it.":
        "PYTHONOPTIMIZE 会去掉保护台账的断言。请取消该变量。",
    "{slips} Rename it, or unset it.": "{slips}请改名，或取消该变量。",
    "{name} is not read; {near} is. {more}": "{name} 不会被读取，应为 {near}。{more}",
    "{name} is not read; {near} is.": "{name} 不会被读取，应为 {near}。",
    "nothing in it gets in the way": "环境变量无妨碍",
    "It runs uncompiled, a hundred times slower. Install numba, and unset NUMBA_DISABLE_JIT.":
        "未经编译运行，慢上百倍。请安装 numba，并取消 NUMBA_DISABLE_JIT。",
    "numba cannot be imported ({reason}). Install a numba that fits what else is installed.":
        "numba 无法导入（{reason}）。请安装与其他软件包相配的 numba。",
    "compiled, kept in {place}": "已编译，保存在 {place}",
    "It is compiled anew by every command: neither its folder nor the user's cache can be written. Name a "
    "folder in NUMBA_CACHE_DIR.":
        "每条命令都要重新编译：程序目录和用户缓存均不可写。请用 NUMBA_CACHE_DIR 指定文件夹。",
    "{fault}. Put a backup in place: `kaoji restore FILE`.": "{fault}。请恢复备份：`kaoji restore FILE`。",
    "empty: the first `kaoji ingest` or `kaoji consume` makes the ledger":
        "空：首次 `kaoji ingest` 或 `kaoji consume` 时建立台账",
    "a ledger of {position} events": "台账，共 {position} 个事件",
    "{version}; Kaoji is tried with 14 and later. Upgrade it.":
        "{version}；考绩在 14 及更新版本上测试过。请升级。",
    "It is off: {why}. Set it to on.": "已关闭：{why}。请设为 on。",
    "a power cut can then destroy the ledger": "断电可能毁坏台账",
    "a power cut can then tear pages": "断电可能损坏数据页",
    "what was told to be recorded can then be lost, while Kafka's offsets go on":
        "已告知入账的内容可能丢失，而 Kafka 位点已前移",
    "encrypted, or on this machine": "已加密，或在本机",
    "Actions and passwords go over the network in the clear. Add ?sslmode=verify-full&sslrootcert=FILE.":
        "行为和密码在网络上明文传输。请加上 ?sslmode=verify-full&sslrootcert=FILE。",
    "empty, and its user may make no tables. Give it the right: GRANT CREATE ON SCHEMA … TO …, and see that the "
    "search path names a schema that is there.":
        "为空，且其用户无权建表。请授权：GRANT CREATE ON SCHEMA … TO …，并确认 search_path 所指的模式存在。",
    "{file} is a folder. Name a file in it.": "{file} 是文件夹。请指定其中的文件。",
    "There is no folder for {file}. Make it.": "{file} 所在文件夹不存在。请建立。",
    "Only {free} GiB of {total} GiB free at {folder}. Make room, or move the store.":
        "{folder} 仅余 {free} GiB（共 {total} GiB）。请腾出空间，或移动数据库。",
    "{free} GiB of {total} GiB free": "剩余 {free} GiB，共 {total} GiB",
    "none, by order of KAOJI_CACHE: every command derives its case files":
        "按 KAOJI_CACHE 不保存：每条命令重新推导案件文件",
    "{folder}, {size} MiB": "{folder}，占用 {size} MiB",
    "{folder} cannot be written, so every command derives its case files. Name a folder in KAOJI_CACHE.":
        "{folder} 不可写，因此每条命令都要重新推导案件文件。请用 KAOJI_CACHE 指定文件夹。",
    "in a file, so members that seal must share this host (or give KAOJI_KEYS a PostgreSQL URL)":
        "在文件中，因此需要封存的各成员须在同一主机（或为 KAOJI_KEYS 指定 PostgreSQL 地址）",
    "none yet: made when something is sealed": "尚无：首次封存时生成",
    "The folder of {file} does not exist. Make it.": "{file} 所在文件夹不存在。请建立。",
    "The ledger holds sealed parts, and {keys} is not there: bring it back from its own backup.":
        "台账含有封存内容，而 {keys} 不在：请从其单独的备份恢复。",
    "{place}: none yet, made when something is sealed": "{place}：尚无，首次封存时生成",
    "not bound: any sender may use any source (KAOJI_SENDERS binds them)":
        "未限定：任何发送方可用任何来源（用 KAOJI_SENDERS 限定）",
    "{file} can be written by others (mode {mode}): chmod go-w {same}":
        "{file} 他人可写（权限 {mode}）：chmod go-w {same}",
    "{file} can be read by others (mode {mode}): chmod 600 {same}":
        "{file} 他人可读（权限 {mode}）：chmod 600 {same}",
    "{count} of them, in {file}": "共 {count} 个，见 {file}",
    "no token: this machine only": "无令牌：仅限本机",
    "with KAOJI_TOKEN": "使用 KAOJI_TOKEN",
    "Nothing takes spans at {where} ({reason}). Start it, or unset KAOJI_TRACES.":
        "{where} 无程序接收追踪数据（{reason}）。请启动它，或取消 KAOJI_TRACES。",
    "something listens at {where}": "{where} 有程序在监听",
    "{protocol} sends everything in the clear. Use SSL or SASL_SSL wherever others share the network.":
        "{protocol} 全部明文传输。与他人共用网络时请用 SSL 或 SASL_SSL。",
    "lets us read {topic}": "允许读取 {topic}",
    "go to {topic}": "发往 {topic}",
    "{file}, for its owner only": "{file}，仅所有者可读",
}  # fmt: skip
