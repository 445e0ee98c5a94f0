"""The workflow file: each step is one that a checkout can do, and what can run here does."""

import os
import re
import shlex
import shutil
import subprocess
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).resolve().parent.parent
WORKFLOWS = sorted((ROOT / ".github/workflows").glob("*.yml"))
JOBS = {
    name: job
    for path in WORKFLOWS
    for name, job in yaml.safe_load(path.read_text())["jobs"].items()
}
STEPS = [
    (name, step["run"]) for name, job in JOBS.items() for step in job["steps"] if "run" in step
]

# What a step needs that a checkout doesn't have.
ONLY_THERE = {"gh": "a program of GitHub's runners, and a pull request"}


def test_there_is_a_job_for_each_thing_that_is_checked():
    assert set(JOBS) == {"lint", "linux", "docs", "wheel", "size", "macos"}


@pytest.mark.parametrize(("job", "command"), STEPS)
def test_every_step_names_a_target_a_program_and_files_that_exist(job, command):
    assert subprocess.run(["bash", "-n", "-c", command]).returncode == 0
    words = shlex.split(re.split(r"\s*>>?", command)[0])
    if words[0] in ONLY_THERE:
        return
    if words[0] == "make":
        done = subprocess.run(
            ["make", "-n", "-C", ROOT, *words[1:]], capture_output=True, text=True
        )
        assert done.returncode == 0, done.stderr
    else:
        assert shutil.which(words[0], path=f"{ROOT}:{os.environ['PATH']}") or (
            ROOT / words[0]).exists(), words[0]  # fmt: skip
    files = [word for word in words[1:] if "/" in word and "=" not in word]
    assert [file for file in files if not (ROOT / file).exists()] == []


def test_every_job_checks_out_before_it_runs_anything():
    for job in JOBS.values():
        assert job["steps"][0]["uses"].startswith("actions/checkout@")


def test_the_size_of_the_bundle_is_told_as_markdown(tmp_path):
    summary = tmp_path / "summary"
    steps = [command for job, command in STEPS if job == "size" and "gh" not in command.split()]
    size = ROOT / "size.md"
    try:
        for command in steps:
            subprocess.run(
                ["bash", "-e", "-c", command], cwd=ROOT, check=True, timeout=100,
                env=os.environ | {"GITHUB_STEP_SUMMARY": str(summary)},
            )  # fmt: skip
        text = summary.read_text()
    finally:
        size.unlink(missing_ok=True)
    size, blocks = re.fullmatch(
        r"`outpost.bin`: (\d+) bytes, (\d+) blocks of 4,096 bytes.\n", text
    ).groups()
    assert (ROOT / "build/release/outpost.bin").stat().st_size == int(size)
    assert int(blocks) == -(-int(size) // 4096)


@pytest.mark.parametrize("path", sorted((ROOT / ".github/ISSUE_TEMPLATE").glob("*.md")))
def test_every_issue_template_says_what_it_is_for(path):
    head = yaml.safe_load(path.read_text().split("---")[1])
    assert set(head) == {"name", "about"}
