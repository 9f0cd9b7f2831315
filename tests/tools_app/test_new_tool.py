"""`new_tool` writes a package that passes every check unchanged, installed as pip installs it."""

from __future__ import annotations

import importlib
import os
import subprocess
import sys
import tomllib
from io import StringIO
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command

from market.frames import Kind
from tools_app import isolation, registry
from tools_app.checks.findings import frame_of
from tools_app.checks.market import random_market
from tools_app.safety import judged

from .foreign import install

ROOT = Path(__file__).resolve().parents[2]


def new_tool(name: str, folder: Path) -> str:
    out = StringIO()
    call_command("new_tool", name, dir=str(folder), stdout=out)
    return out.getvalue()


def check_tools(monkeypatch, *args: str) -> tuple[str, str]:
    """Run the command on the catalogue of a process that starts now."""
    shelf = registry.catalogue.__wrapped__()
    monkeypatch.setattr("tools_app.management.commands.check_tools.catalogue", lambda: shelf)
    out, failed = StringIO(), ""
    try:
        call_command("check_tools", *args, stdout=out)
    except CommandError as error:
        failed = f"{error} (exit code {error.returncode})"
    return out.getvalue(), failed


def python(*args: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    paths = [str(ROOT / "platform"), str(ROOT)]
    return subprocess.run(
        [sys.executable, *args],
        capture_output=True,
        text=True,
        cwd=cwd,
        check=False,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(paths), "PIP_NO_INDEX": "1"},
    )


@pytest.fixture(autouse=True)
def no_process_stays():
    yield
    isolation.close_all()


def test_the_package_is_installed_found_checked_and_evaluated(tmp_path, monkeypatch):
    told = new_tool("my_tool", tmp_path)
    folder = tmp_path / "my_tool"
    assert "Tool 1000 'my-tool'" in told
    assert str(folder / "src" / "my_tool" / "__init__.py") in told
    its_own = python("-m", "pytest", "-q", "-p", "no:cacheprovider", str(folder), cwd=ROOT)
    assert "1 passed" in its_own.stdout, its_own.stdout + its_own.stderr
    site = tmp_path / "site"
    options = ("--quiet", "--no-deps", "--no-build-isolation", "--target", str(site))
    done = python("-m", "pip", "install", *options, str(folder), cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    monkeypatch.setenv("PULSE_THIRD_PARTY_TOOLS", "1")
    monkeypatch.syspath_prepend(str(site))
    importlib.invalidate_caches()
    table, failed = check_tools(monkeypatch, "--third-party")
    assert (failed, "1 tools, nothing found." in table) == ("", True)
    assert "my_tool 0.1.0" in table
    tool = registry.catalogue.__wrapped__().get("my-tool")
    times, now = random_market(Kind.INTRADAY, 200, 3)
    answer = judged(tool, frame_of(tool, times, now))
    assert answer.fires.any()
    assert isolation.host_of("my_tool:TOOL", 0).pid not in (None, os.getpid())
    assert "my_tool" not in sys.modules


def test_the_next_package_has_the_next_id(tmp_path, monkeypatch):
    install(tmp_path / "site", monkeypatch, "first", 'TOOLS = made(1000, "first", good)')
    shelf = registry.catalogue.__wrapped__()
    monkeypatch.setattr("tools_app.management.commands.new_tool.catalogue", lambda: shelf)
    assert "Tool 1001 'second-tool'" in new_tool("second_tool", tmp_path)
    project = tomllib.loads((tmp_path / "second_tool" / "pyproject.toml").read_text())
    entry = project["project"]["entry-points"]["pulse.tools"]
    assert entry == {"second_tool": "second_tool:TOOL"}
    with pytest.raises(CommandError, match="'first' is a module"):
        new_tool("first", tmp_path)


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("My_Tool", "use small letters"),
        ("my-tool", "use small letters"),
        ("../evil", "use small letters"),
        ("_x", "use small letters"),
        ("a__b", "use small letters"),
        ("a" * 41, "at most 40"),
        ("class", "a word of Python already"),
        ("json", "is a module"),
        ("market", "is a module"),
        ("volume_breakout", "there is a tool 'volume-breakout' already"),
    ],
)
def test_a_bad_name_is_refused_and_nothing_written(tmp_path, name, says):
    with pytest.raises(CommandError, match=says):
        new_tool(name, tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_nothing_is_written_over_and_a_folder_that_is_not_there_is_named(tmp_path):
    (tmp_path / "my_tool").mkdir()
    with pytest.raises(CommandError, match="exists already; nothing was written"):
        new_tool("my_tool", tmp_path)
    with pytest.raises(CommandError, match="is no folder"):
        new_tool("my_tool", tmp_path / "nowhere")


def test_the_command_tells_findings_and_refusals_and_ends_with_1(tmp_path, monkeypatch):
    source = """
    def peeks(x, p):
        return good({"close": np.roll(x["close"], -1, axis=-1)}, p)

    TOOLS = [made(1600, "peeks", peeks), made(7, "stray", good), made(1601, "well", good)]
    """
    install(tmp_path, monkeypatch, "mixed", source)
    table, failed = check_tools(monkeypatch, "--third-party")
    assert failed.endswith("1 tools refused (exit code 1)")
    assert "no look-ahead: " in table
    assert "Change: let row t use rows up to t alone" in table
    assert "tool 7 is outside 1000..9999" in table
    table, failed = check_tools(monkeypatch, "well", "volume-breakout")
    assert (failed, "2 tools, nothing found." in table) == ("", True)
    assert "findings" in check_tools(monkeypatch, "peeks")[1]
    assert "stray was refused" in check_tools(monkeypatch, "stray")[1]
    assert "there is no tool 'nope'" in check_tools(monkeypatch, "nope")[1]
