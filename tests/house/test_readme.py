"""The README tells the truth: its code runs, its commands exist, its links lead somewhere."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
import sys
import tomllib
from functools import cache
from pathlib import Path

import pytest

from package_tree import ROOT

README = (ROOT / "README.md").read_text(encoding="utf-8")
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
SHELLS = {"bash", "sh", "console", "shell"}
CUTS = {"|", "||", "&&", ";", ">", ">>"}


def blocks(text: str) -> list[tuple[str, str]]:
    """Every fenced block: (language, content)."""
    return re.findall(r"^```([\w-]*)[^\n]*\n(.*?)^```$", text, flags=re.MULTILINE | re.DOTALL)


def commands(text: str) -> list[list[str]]:
    """Every command of the shell blocks, as words; pipes and chains count as several."""
    found: list[list[str]] = []
    for language, content in blocks(text):
        if language not in SHELLS:
            continue
        for line in content.replace("\\\n", " ").splitlines():
            if language == "console" and not line.startswith("$"):
                continue  # what the command answered
            found += pieces(line.removeprefix("$ "))
    return found


def pieces(line: str) -> list[list[str]]:
    lexer = shlex.shlex(line, posix=True, punctuation_chars="|&;>")
    lexer.whitespace_split = True
    parts: list[list[str]] = [[]]
    for word in lexer:
        if word in CUTS:
            parts.append([])
        else:
            parts[-1].append(word)
    return [part for part in parts if part]


@cache
def help_of(*words: str) -> str:
    """What `netwright WORDS --help` prints; fails the test where there is no such command."""
    program = "from netwright.cli import main; main()"
    done = subprocess.run(
        [sys.executable, "-c", program, *words, "--help"],
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
        env={**os.environ, "COLUMNS": "240", "NO_COLOR": "1", "TERM": "dumb"},
    )
    if done.returncode:
        pytest.fail(f"netwright {' '.join(words)} --help: {done.stderr[-500:]}")
    return done.stdout


def faults(words: list[str]) -> list[str]:
    """What is wrong with one command of the README."""
    program, *rest = words
    if program == "netwright":
        return faults_of_options(rest)
    if program == "pip" and "install" in rest:
        return faults_of_install(rest)
    if "/" in program or program.endswith(".py"):
        return [] if (ROOT / program).is_file() else [f"no such file: {program}"]
    scripts = [word for word in rest if word.endswith(".py") and program.startswith("python")]
    gone = [f"no such file: {script}" for script in scripts if not (ROOT / script).is_file()]
    beside = Path(sys.executable).parent / program
    return gone + ([] if shutil.which(program) or beside.exists() else [f"no {program}"])


def faults_of_options(words: list[str]) -> list[str]:
    path: tuple[str, ...] = ()
    for word in words:
        if word.startswith("-") or "COMMAND" not in help_of(*path).split("\n\n")[0].upper():
            break
        path = (*path, word)
    text = help_of(*path)
    options = [word.split("=")[0] for word in words if word.startswith("-") and len(word) > 1]
    return [
        f"netwright {' '.join(path)} has no {option}"
        for option in options
        if not re.search(rf"(?<![\w-]){re.escape(option)}(?![\w-])", text)
    ]


def faults_of_install(words: list[str]) -> list[str]:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    asked = {
        extra
        for word in words
        for group in re.findall(r"\[([\w,]+)\]", word)
        for extra in group.split(",")
    }
    return [f"no extra {extra}" for extra in asked - set(project["optional-dependencies"])]


def test_the_python_of_the_readme_runs(tmp_path, monkeypatch):
    """All blocks in order, in one empty folder, as a reader who follows along would have them."""
    monkeypatch.chdir(tmp_path)
    names: dict[str, object] = {"__name__": "readme"}
    for place, (language, content) in enumerate(blocks(README)):
        if language == "python":
            exec(compile(content, f"README.md, block {place}", "exec"), names)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_command_exists(page):
    found = {
        shlex.join(words): wrong
        for words in commands(page.read_text(encoding="utf-8"))
        if (wrong := faults(words))
    }
    assert found == {}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_link_within_the_repository_leads_somewhere(page):
    text = re.sub(r"```.*?```", "", page.read_text(encoding="utf-8"), flags=re.DOTALL)
    targets = re.findall(r"\]\(([^)\s#]+)", text) + re.findall(r'(?:src|href)="([^"#]+)"', text)
    local = [target for target in targets if not re.match(r"[a-z]+:", target)]
    assert [target for target in local if not (page.parent / target).exists()] == []


@pytest.mark.parametrize(
    ("line", "wrong"),
    [
        ("python benchmarks/import_time.py", 0),
        ("python benchmarks/gone.py", 1),
        (".ci/gone", 1),
        ("pip install -e '.[dev]' && pytest", 0),
        ("pip install '.[gone]'", 1),
        ("no-such-program --at-all", 1),
        ("netwright train digits --epochs 3  # a comment", 0),
        ("netwright train digits --no-such-option 3", 1),
    ],
)
def test_the_test_sees_what_it_should(line, wrong):
    found = [fault for words in commands(f"```bash\n{line}\n```\n") for fault in faults(words)]
    assert len(found) == wrong
