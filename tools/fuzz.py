"""`make fuzz`: rounds of all fuzzers with new seeds, until the time is over or one has failed."""

import os
import random
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
TESTS = ROOT / "tests" / "fuzz"


def run(seed):
    """One round; True where everything held."""
    print(f"== round with seed {seed}", flush=True)
    pytest = [sys.executable, "-m", "pytest", str(TESTS), "-q", f"--hypothesis-seed={seed}"]
    done = subprocess.run(pytest, cwd=ROOT, env=os.environ | {"FUZZ_PROFILE": "fuzz"})
    return done.returncode == 0


def main(minutes, seed):
    """Return the exit status. seed: of the only round; "" for as many as the minutes allow."""
    end = time.monotonic() + float(minutes) * 60
    rounds = 0
    while True:
        number = int(seed) if seed else random.getrandbits(32)
        try:
            good = run(number)
        except KeyboardInterrupt:
            print(f"\n== stopped; {rounds} rounds were good")
            return 0
        if not good:
            print(
                f"== round {rounds + 1} failed: `make fuzz SEED={number}` repeats it; what failed"
                " is kept in .hypothesis and is tried first, by a round with another seed too"
            )
            return 1
        rounds += 1
        if seed or time.monotonic() > end:
            print(f"== {rounds} rounds were good")
            return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
