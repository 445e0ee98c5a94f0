"""What the fuzzers share: how many examples they run, and the interpreter that runs them.

The profile is `ci` unless FUZZ_PROFILE names `fuzz`: the same examples every time, in about a
minute. `make fuzz` takes the other, which makes new ones and remembers those that failed.
"""

import os
from pathlib import Path

import pytest
from fuzz.interpreter import Interpreter
from hypothesis import HealthCheck, settings
from hypothesis.database import DirectoryBasedExampleDatabase

# Their asserts tell the values too.
pytest.register_assert_rewrite("fuzz.board", "fuzz.client", "fuzz.exchange")

ROOT = Path(__file__).parent.parent.parent
FAR_TOO_LONG_S = 1200  # a failure is shrunk before it is shown, on a board that takes minutes

COMMON = {
    "deadline": None,  # a busy machine is no failure
    "suppress_health_check": [HealthCheck.too_slow, HealthCheck.data_too_large],
}
settings.register_profile("ci", derandomize=True, database=None, **COMMON)
settings.register_profile(
    "fuzz",
    derandomize=False,
    print_blob=True,
    database=DirectoryBasedExampleDatabase(ROOT / ".hypothesis" / "examples"),
    **COMMON,
)
settings.load_profile(os.environ.get("FUZZ_PROFILE", "ci"))


def pytest_collection_modifyitems(items):
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.timeout(FAR_TOO_LONG_S))


@pytest.fixture(scope="module")
def device(request, tmp_path_factory):
    """The real interpreter with the module's DEVICE code in it: device(function, *arguments)."""
    script = tmp_path_factory.mktemp("device") / "device.py"
    search = [ROOT, ROOT / "build" / "lib", ROOT / "tests" / "standins"]
    with Interpreter(script, request.module.DEVICE, search) as interpreter:
        yield interpreter
