"""The soak stands in tools/, and makes its tables and colours with the bench's."""

import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = (str(ROOT), str(ROOT / "tools"))
