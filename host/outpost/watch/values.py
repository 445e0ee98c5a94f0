"""What a stranger's JSON holds, as values that can be shown: of any type, bounded in length.

Texts are kept as they came; whoever shows them makes them safe.
"""

import json
import math
from typing import cast

from outpost.watch.words import Scalar

_TEXT = 300  # characters of a text that are kept


def json_object(payload: bytes) -> dict[str, object] | None:
    """The JSON object that payload is; None where it is none."""
    try:
        value = json.loads(payload)
    except (ValueError, RecursionError):
        return None
    return cast(dict[str, object], value) if isinstance(value, dict) else None


def section(value: object) -> dict[str, object]:
    """A section of a state; an empty one in place of anything else."""
    return cast(dict[str, object], value) if isinstance(value, dict) else {}


def number(value: object) -> float | None:
    """value where it is a number that can be shown; None for all else, true and NaN too."""
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return None
    return value if abs(value) < 1e15 and math.isfinite(value) else None


def text(value: object) -> str | None:
    """value as a text, cut; None for null."""
    return None if value is None else cut(value)


def cut(value: object) -> str:
    """value as a text of bounded length."""
    if isinstance(value, (list, dict)):
        return "[...]" if isinstance(value, list) else "{...}"
    return str(value)[:_TEXT]


def scalar(value: object) -> Scalar:
    """value as words() takes it."""
    return value if isinstance(value, (bool, type(None))) else number(value) or text(value)
