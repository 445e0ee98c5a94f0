"""A pytest plugin: with CI set, a test that was skipped for want of a program has failed."""

import os
import re

import pytest

# What the reasons of such skips say; npm fetches the page's libraries.
_FOR_WANT = re.compile(r"not installed|\bnpm\b", re.IGNORECASE)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item, call):
    """Turn such a skip into a failure that has its reason."""
    report = yield
    if report.skipped and os.environ.get("CI", "") not in ("", "0", "false"):
        reason = str(call.excinfo.value) if call.excinfo else ""
        if _FOR_WANT.search(reason) and not hasattr(report, "wasxfail"):
            report.outcome = "failed"
            report.longrepr = f"{reason}\nCI is set: what tests drive must be there"
    return report
