"""What an import loads. How long it takes is in benchmarks/import_time.py, not here."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

# What one use or another needs, and no use needs just for being imported.
HEAVY = {
    "jinja2",
    "matplotlib",
    "pandas",
    "PIL",
    "pyarrow",
    "pydantic",
    "rich",
    "scipy",
    "sklearn",
    "timm",
    "torchvision",
    "typer",
    "yaml",
}
PARTS_OF_TORCH = {"torch._dynamo", "torch._inductor", "torch.utils.tensorboard", "torch.onnx"}
LISTING = "import sys, json; print(json.dumps(sorted(sys.modules)))"


def loaded(statement: str) -> set[str]:
    """The modules a fresh process holds after `statement`."""
    done = subprocess.run(
        [sys.executable, "-c", f"{statement}\n{LISTING}"],
        capture_output=True,
        text=True,
        check=True,
        timeout=120,
    )
    return set(json.loads(done.stdout.splitlines()[-1]))


def test_importing_the_package_loads_torch_and_nothing_beside_it():
    by_torch = loaded("import torch")
    ours = loaded("import netwright")
    assert ours & HEAVY - by_torch == set()
    assert ours & PARTS_OF_TORCH - by_torch == set()


@pytest.mark.parametrize(
    "room", ["data", "models", "losses", "metrics", "methods", "train", "runs", "probes", "explain"]
)
def test_a_room_loads_no_more(room):
    extra = loaded(f"import netwright.{room}") & HEAVY - loaded("import torch, numpy")
    assert extra == set()


HELP = """
import sys
from netwright.cli import main
sys.argv = ["netwright", *{arguments}]
try:
    main()
except SystemExit as ended:
    assert not ended.code, ended.code
"""


@pytest.mark.parametrize(
    "arguments", [["--help"], ["train", "--help"], ["explain", "--help"], ["find", "lenet"]]
)
def test_help_and_find_are_answered_without_torch(arguments):
    ours = loaded(HELP.format(arguments=arguments))
    assert {"torch", "numpy", "sklearn", "matplotlib", "torchvision"} & ours == set()
