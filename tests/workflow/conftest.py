"""Small data, tiny networks, and no report where it is not what is tested."""

from __future__ import annotations

from pathlib import Path

import pytest

from netwright.workflow.run import Run


@pytest.fixture(autouse=True)
def in_an_empty_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture(autouse=True)
def quick_report(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """A page takes longer than the training here; tests marked `drawn` draw it all the same."""
    if "real_report" in request.fixturenames:
        return

    def stub(self: Run) -> str:
        self.folder.write_text("report.html", "<p>drawn elsewhere</p>")
        return str(self.folder.path / "report.html")

    monkeypatch.setattr(Run, "report", stub)


@pytest.fixture
def real_report() -> None:
    """Ask for it to have the page drawn."""
