"""make test where programs are missing: the command that installs them, CI's failures."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SKIPS = """
import pytest

@pytest.mark.skipif(True, reason="NOT TESTED: libfaketime is not installed")
def test_marked():
    pass

@pytest.fixture
def broker():
    pytest.skip("NOT TESTED: mosquitto is not installed")

def test_fixture(broker):
    pass

def test_other():
    pytest.skip("NOT TESTED: only root may")
"""


@pytest.fixture
def run_script(tmp_path):
    """Run host/system-packages as a user id, without any program: (uid) -> what it printed."""
    called = tmp_path / "called"

    def run(uid):
        for name in ("sudo", "apt-get"):
            _program(tmp_path / name, f'echo "{name} $*" >>{called}')
        _program(tmp_path / "id", f"echo {uid}")
        _program(tmp_path / "mktemp", f"echo {tmp_path}/log")
        _program(tmp_path / "rm", "")
        done = subprocess.run(
            [ROOT / "host" / "system-packages"],
            env={"PATH": str(tmp_path)},
            capture_output=True,
            text=True,
            timeout=20,
        )
        assert (done.returncode, done.stderr) == (0, "")
        return done.stdout

    run.called = lambda: called.read_text().splitlines() if called.exists() else []
    return run


def _program(path, text):
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o755)


def test_who_is_not_root_gets_the_command_and_no_sudo(run_script):
    command = run_script(1000).splitlines()[-1].split()
    assert command[:3] == ["sudo", "apt-get", "install"]
    assert {"lftp", "curl", "chromium"} <= set(command)
    assert run_script.called() == []


def test_root_has_them_installed(run_script):
    run_script(0)
    update, install = run_script.called()
    assert update == "apt-get -q update"
    assert "install" in install.split()
    assert "lftp" in install.split()


@pytest.mark.parametrize(
    ("ci", "outcome"),
    [("", "3 skipped"), ("false", "3 skipped"), ("1", "1 skipped, 2 errors")],
)
def test_in_ci_a_missing_program_is_a_failure(tmp_path, ci, outcome):
    said = _pytest(tmp_path, ci)
    assert f"{outcome} in " in said
    assert "NOT TESTED: mosquitto is not installed" in said
    assert "NOT TESTED: only root may" in said


def _pytest(folder, ci):
    """Run SKIPS with this repository's options: what pytest printed."""
    (folder / "test_skips.py").write_text(SKIPS)
    options = ["-c", ROOT / "pyproject.toml", "--rootdir", folder, "-p", "no:cacheprovider"]
    done = subprocess.run(
        [sys.executable, "-m", "pytest", *options, "-p", "missing_programs", "test_skips.py"],
        env=os.environ | {"CI": ci, "PYTHONPATH": str(ROOT / "tests"), "COLUMNS": "160"},
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=60,
    )
    return done.stdout
