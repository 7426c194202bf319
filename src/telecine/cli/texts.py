"""What people read, in English and 简体中文, chosen by LC_ALL, LC_MESSAGES and LANG as other programs do.

Help texts stay English, and so do the server's own messages.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import TYPE_CHECKING, Final, Literal

if TYPE_CHECKING:
    from telecine.server.setup import FirstRun

Language = Literal["en", "zh"]

_TEXTS: Final[dict[str, tuple[str, str]]] = {
    "serving": (
        "Telecine is serving on {address} (data in {data})",
        "Telecine 正在 {address} 提供服务（数据目录：{data}）",
    ),
    "stranded": (
        "WARNING: nobody asks about {number} task(s) at the channel '{name}', now gone. Put it back (draining = true).",
        "警告：渠道 “{name}” 已移除或已变更，其上的 {number} 个任务无人查询；请恢复该渠道（draining = true）。",
    ),
    "first_run": (
        "This is the first start. These keys are shown only this once:",
        "这是首次启动。以下密钥仅显示这一次：",
    ),
    "admin_key": ("admin key", "管理密钥"),
    "api_key": ("API key", "API 密钥"),
    "try_curl": (
        "Try it: this line makes a video and saves it as paper-boat.mp4:",
        "试一试：下面这行命令会生成一段视频并保存为 paper-boat.mp4：",
    ),
    "try_generate": ("Or, with a progress bar:", "或者（带进度条）："),
    "error": ("error", "错误"),
    "warning": ("warning", "警告"),
    "note": ("note", "提示"),
    "no_file": (
        "Name the file to check: telecine config check FILE, --config or TELECINE_CONFIG.",
        "请指定要检查的文件：telecine config check FILE、--config 或 TELECINE_CONFIG。",
    ),
    "no_workflow_file": (
        "Name the file to check: telecine workflows check FILE, --config or TELECINE_CONFIG.",
        "请指定要检查的文件：telecine workflows check FILE、--config 或 TELECINE_CONFIG。",
    ),
    "yes": ("yes", "是"),
    "no": ("no", "否"),
    "models_unserved": (
        "{number} model(s) are not served: name them in the models of the channel '{channel}'.",
        "{number} 个模型尚未提供：请写入渠道 '{channel}' 的 models。",
    ),
    "workflows_valid": ("{number} workflow(s): all is there.", "{number} 个工作流：检查通过。"),
    "workflow_added": ("The workflow '{name}' can be used.", "工作流 “{name}” 已可使用。"),
    "workflow_removed": ("The workflow '{name}' has been removed.", "工作流 “{name}” 已移除。"),
    "bug": (
        "{what} (this should not happen; TELECINE_DEBUG=1 shows where it did)",
        "{what}（不应出现的错误；设置 TELECINE_DEBUG=1 查看位置）",
    ),
    "unopened": ("The data in {data} cannot be opened: {reason}", "无法打开数据目录 {data}：{reason}"),
    "nowhere": (
        (
            "There is no Telecine in {data}: it has no {mark}. Name its data directory with --data or TELECINE_DATA, "
            "or a server with --server; `telecine serve` makes a new one."
        ),
        (
            "{data} 中没有 Telecine：找不到 {mark}。请用 --data 或 TELECINE_DATA 指定目录，"
            "或用 --server 指定服务器；新建请运行 `telecine serve`。"
        ),
    ),
    "no_records": (
        (
            "There is no Telecine in the database of {data}: TELECINE_DATABASE_URL leads to one without its records. "
            "`telecine serve` makes a new one."
        ),
        "{data} 的数据库中没有 Telecine：TELECINE_DATABASE_URL 指向的数据库没有其记录。新建请运行 `telecine serve`。",
    ),
    "key_made": (
        "Key '{name}' ({id}) was made. It is shown only this once:",
        "密钥 “{name}”（{id}）已创建，仅显示这一次：",
    ),
    "key_changed": ("Key '{name}' ({id}) has been changed.", "密钥 “{name}”（{id}）已更改。"),
    "account_made": (
        "The account '{name}' was made; it has {balance} to spend.",
        "账户 “{name}” 已创建，余额 {balance}。",
    ),
    "account_made_unlimited": (
        "The account '{name}' was made; it spends without limit.",
        "账户 “{name}” 已创建，消费不设上限。",
    ),
    "unlimited_and_balance": (
        "--unlimited and --balance exclude each other.",
        "--unlimited 与 --balance 不能同时使用。",
    ),
    "account_changed": ("The account '{name}' has been changed.", "账户 “{name}” 已更改。"),
    "unset_unknown": ("--unset {name}: it must be one of {names}.", "--unset {name}：只能是 {names} 之一。"),
    "unset_and_set": ("--{name} and --unset {name} exclude each other.", "--{name} 与 --unset {name} 不能同时使用。"),
    "key_revoked": ("Key '{name}' ({id}) has been revoked.", "密钥 “{name}”（{id}）已吊销。"),
    "submitting": ("sending", "提交中"),
    "draft": ("draft", "草稿"),
    "queued": ("queued", "排队中"),
    "running": ("running", "生成中"),
    "succeeded": ("succeeded", "已完成"),
    "failed": ("failed", "失败"),
    "cancelled": ("cancelled", "已取消"),
    "downloading": ("downloading", "下载中"),
    "task_made": ("Task {id} ({model})", "任务 {id}（{model}）"),
    "saved": ("Saved {path} ({facts})", "已保存 {path}（{facts}）"),
    "task_failed": ("The task {id} failed: {reason}", "任务 {id} 失败：{reason}"),
    "task_cancelled": ("The task {id} was cancelled.", "任务 {id} 已取消。"),
    "goes_on": (
        "The task {id} goes on. Pick it up with: telecine tasks download {id}{where}",
        "任务 {id} 仍在继续。稍后取回：telecine tasks download {id}{where}",
    ),
    "waits": (
        "The task {id} waits for the next `telecine serve`. Look at it with: telecine tasks show {id}{where}",
        "任务 {id} 将在下次运行 `telecine serve` 时继续。查看：telecine tasks show {id}{where}",
    ),
    "kept": (
        "The task {id} is done and kept. Fetch it with: telecine tasks download {id}{where}",
        "任务 {id} 已完成并保存。取回：telecine tasks download {id}{where}",
    ),
    "too_many_images": (
        "--image may be given twice: the first frame and the last.",
        "--image 最多给两次：首帧和尾帧。",
    ),
    "timed_out": ("Not done after {seconds:g} seconds.", "{seconds:g} 秒内未完成。"),
    "cancel_done": ("The task {id} is cancelled.", "任务 {id} 已取消。"),
    "cancel_asked": (
        "The task {id} has been asked to stop; it is {status} until the provider lets it go.",
        "已请求停止任务 {id}；在服务商确认之前状态为 {status}。",
    ),
    "cancel_late": ("The task {id} has already ended: {status}.", "任务 {id} 已经结束：{status}。"),
    "unreachable": (
        "The server at {url} cannot be reached: {reason}.",
        "无法连接服务器 {url}：{reason}。",
    ),
    "exists": ("{path} exists already; use --force to overwrite it.", "{path} 已存在；使用 --force 覆盖。"),
    "no_folder": ("There is no folder {path}.", "文件夹 {path} 不存在。"),
    "no_image": ("The image {path} cannot be read: {reason}.", "无法读取图片 {path}：{reason}。"),
    "no_file_there": ("The file {path} cannot be read: {reason}.", "无法读取文件 {path}：{reason}。"),
    "no_role": (
        "--input {given}: write it as ROLE=FILE or ROLE=URL; the roles are {roles}.",
        "--input {given}：请写作 角色=文件 或 角色=网址；角色有 {roles}。",
    ),
    "no_parameter": ("--parameter {given}: write it as NAME=VALUE.", "--parameter {given}：请写作 名称=值。"),
    "no_operation": (
        "--operation {given}: it must be one of {known}.",
        "--operation {given}：只能是 {known} 之一。",
    ),
    "not_ready": ("The task {id} has no files yet: it is {status}.", "任务 {id} 尚无文件：{status}。"),
    "lost": ("Output {index} of the task {id} is lost.", "任务 {id} 的第 {index} 个输出已丢失。"),
    "damaged": (
        "The download of {path} is damaged: its SHA-256 is not the one that the task states.",
        "{path} 下载损坏：SHA-256 与任务记录不一致。",
    ),
    "key_needed": (
        "--server needs an API key: --key or TELECINE_API_KEY.",
        "--server 需要 API 密钥：--key 或 TELECINE_API_KEY。",
    ),
    "no_model": (
        "The server serves no model that could do this; name one with --model.",
        "服务器没有合适的模型；请用 --model 指定。",
    ),
    "no_server": (
        "No server runs there; the next start reads the file anyway.",
        "没有正在运行的服务器；下次启动时会读取该文件。",
    ),
    "config_reloaded": ("Reloaded; this is revision {number}.", "已重新加载，当前修订号 {number}。"),
    "config_same": ("This is what runs already.", "与正在运行的配置相同。"),
    "config_valid": (
        "The file is valid. No server runs to compare it with.",
        "文件有效。没有正在运行的服务器可供比较。",
    ),
    "config_differs": ("The file is valid; {number} difference(s).", "文件有效；共 {number} 处不同。"),
    "secret_in_environment": (
        "The secret key comes from TELECINE_SECRET_KEY: put a new one before it there, with a comma.",
        "密钥来自 TELECINE_SECRET_KEY：请在其中把新密钥写在最前面，用逗号分隔。",
    ),
    "secret_rotated": (
        "There is a new secret key; {number} are good now. The next start uses it.",
        "已生成新的密钥；现有 {number} 个有效密钥。下次启动时使用。",
    ),
    "erase_really": (
        "Erase the account '{name}', with all its prompts, files and keys? This cannot be undone.",
        "确定删除账户 “{name}” 的全部提示词、文件和密钥吗？此操作无法撤销。",
    ),
    "erase_not": ("Nothing was erased.", "未删除任何内容。"),
    "erased": (
        "The account '{name}' is erased; its ledger is kept as '{pseudonym}'.",
        "账户 “{name}” 已删除；账本以 “{pseudonym}” 保留。",
    ),
    "erase_waits": (
        "The account '{name}' is now '{pseudonym}'. {number} task(s) still run; what they make goes when they end.",
        "账户 “{name}” 现为 “{pseudonym}”。仍有 {number} 个任务在上游运行，结束后其内容会被删除。",
    ),
    "deposited": (
        "The account '{name}' has {balance} {currency}, of which {available} can be spent.",
        "账户 “{name}” 余额 {balance} {currency}，可用 {available}。",
    ),
    "no_tasks": ("No tasks.", "没有任务。"),
    "uploading": ("uploading", "上传中"),
    "processing": ("being looked at", "处理中"),
    "ready": ("ready", "可用"),
    "no_assets": ("No files in the library.", "素材库中没有文件。"),
    "asset_of_what": (
        "Name files or URLs to add, or a task with --task; not both.",
        "请指定要添加的文件或网址，或用 --task 指定任务；二者不能同时使用。",
    ),
    "one_file": ("{option} is for one file.", "{option} 只能用于一个文件。"),
    "other_file": (
        "The upload {id} is of another file: one of {bytes} bytes.",
        "上传 {id} 属于另一个文件（{bytes} 字节）。",
    ),
    "upload_kept": (
        "What has arrived is kept for a day. Go on with: telecine assets add {path} --resume {id}{where}",
        "已上传的部分保留一天。继续上传：telecine assets add {path} --resume {id}{where}",
    ),
    "asset_added": ("Added '{name}' ({facts}).", "已添加 “{name}”（{facts}）。"),
    "asset_failed": ("The asset {id} cannot be used: {reason}", "素材 {id} 无法使用：{reason}"),
    "asset_renamed": ("The asset {id} is called '{name}' now.", "素材 {id} 已更名为 “{name}”。"),
    "asset_removed": ("The asset {id} was removed.", "素材 {id} 已删除。"),
}


def language(environment: Mapping[str, str] = os.environ) -> Language:
    """The language of the environment."""
    chosen = next((environment[name] for name in ("LC_ALL", "LC_MESSAGES", "LANG") if environment.get(name)), "")
    return "zh" if chosen.lower().startswith("zh") else "en"


def text(name: str, /, **values: object) -> str:
    """The text called `name`, with its `values` filled in."""
    english, chinese = _TEXTS[name]
    return (chinese if language() == "zh" else english).format(**values)


def first_run_lines(made: FirstRun) -> list[str]:
    """The keys that a first start made; nothing where it was not the first."""
    keys = [("admin_key", made.admin_key), ("api_key", made.api_key)]
    shown = [f"  {text(name)}: {key}" for name, key in keys if key]
    return [text("first_run"), "", *shown, ""] if shown else []
