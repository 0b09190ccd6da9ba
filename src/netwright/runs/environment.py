"""What a run was made with: versions, hardware, threads, system, commit, command line.

Never who made it: no host name, no user name, no environment variable, no home folder's path.
"""

from __future__ import annotations

import os
import platform
import re
import subprocess
import sys
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import torch

__all__ = ["changes_since", "environment"]

PACKAGES = (
    "netwright",
    "torch",
    "torchvision",
    "numpy",
    "pillow",
    "safetensors",
    "scikit-learn",
    "pydantic",
    "timm",
    "pandas",
    "pyarrow",
)


def environment() -> dict[str, Any]:
    """The environment of this process as plain data.

    Returns:
        {began, versions: {python, package: version}, hardware: {processor, cores, usable_cores,
        memory_bytes, accelerators: [{name, memory_bytes}], accelerator_runtime}, threads:
        {within_operation, between_operations}, system, git: {commit, changed} or null,
        command: [...]}; what can't be told is null.
    """
    return {
        "began": datetime.now(UTC).isoformat(timespec="seconds"),
        "versions": _versions(),
        "hardware": _hardware(),
        "threads": {
            "within_operation": torch.get_num_threads(),
            "between_operations": torch.get_num_interop_threads(),
        },
        "system": f"{platform.system()} {platform.release()} {platform.machine()}",
        "git": _git(),
        "command": _command(),
    }


def changes_since(before: Any) -> list[str]:
    """What has changed since `before` was taken and may change the bits that are computed.

    Args:
        before: an `environment`, as it was read from a file.
    """
    now = environment()
    places = [("versions", name) for name in ("python", *PACKAGES)]
    places += [("threads", "within_operation"), ("hardware", "processor")]
    places += [("hardware", "accelerators"), ("hardware", "accelerator_runtime")]
    then = [_at(before, place) for place in places]
    return [
        f"{'.'.join(place)} {was} → {_at(now, place)}"
        for place, was in zip(places, then, strict=True)
        if was != _at(now, place)
    ]


def _at(content: Any, place: tuple[str, str]) -> Any:
    for name in place:
        content = content.get(name) if isinstance(content, dict) else None
    return content


def _versions() -> dict[str, str]:
    found = {"python": platform.python_version()}
    for package in PACKAGES:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            continue
    return found


def _hardware() -> dict[str, Any]:
    usable = getattr(os, "sched_getaffinity", None)
    return {
        "processor": _processor(),
        "cores": os.cpu_count(),
        "usable_cores": len(usable(0)) if usable else os.cpu_count(),
        "memory_bytes": _memory(),
        "accelerators": _accelerators(),
        "accelerator_runtime": torch.version.cuda or torch.version.hip,
    }


def _processor() -> str | None:
    try:
        said = Path("/proc/cpuinfo").read_text()
    except OSError:
        return platform.processor() or None
    found = re.search(r"^model name\s*:\s*(.+)$", said, re.MULTILINE)
    return found[1].strip() if found else platform.processor() or None


def _memory() -> int | None:
    try:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (AttributeError, OSError, ValueError):
        return None


def _accelerators() -> list[dict[str, Any]]:
    if not torch.cuda.is_available():
        return []
    devices = (torch.cuda.get_device_properties(i) for i in range(torch.cuda.device_count()))
    return [{"name": device.name, "memory_bytes": device.total_memory} for device in devices]


def _git() -> dict[str, Any] | None:
    commit = _ask_git("rev-parse", "HEAD")
    if not commit:
        return None
    changed = _ask_git("status", "--porcelain", "--untracked-files=no")
    return {"commit": commit.strip(), "changed": None if changed is None else bool(changed.strip())}


def _ask_git(*words: str) -> str | None:
    try:
        answer = subprocess.run(
            ["git", "--no-optional-locks", *words], capture_output=True, timeout=5, check=True
        )
    except (OSError, subprocess.SubprocessError):
        return None
    return answer.stdout.decode(errors="replace")


def _command() -> list[str]:
    if not sys.argv or not sys.argv[0]:
        return []
    home = os.path.expanduser("~")
    words = [Path(sys.argv[0]).name, *sys.argv[1:]]
    return [word.replace(home, "~") for word in words] if len(home) > 1 else words
