"""Records shown to people."""

from netwright.report.page import render, write_report

__all__ = ["render", "write_report"]
