"""The properties that every tool keeps, as plain functions that return findings.

The tests run them with random draws, `manage.py check_tools` and a package's own test with fixed
ones: `assert check(my_tool) == []`.
"""

from tools_app.checks.findings import Finding
from tools_app.checks.suite import CHECKS, check

__all__ = ["CHECKS", "Finding", "check"]
