"""Numbers as people read them: the one place where figures and pages have them from."""

import math
from typing import Any

import numpy as np

#: What stands for a value that is not defined.
DASH = "–"


def number(value: float, digits: int = 4) -> str:
    """Write a number for people: whole, or with that many significant digits; a dash for NaN."""
    if not math.isfinite(value):
        return DASH if math.isnan(value) else str(value)
    if value == int(value) and abs(value) < 1e12:
        return f"{int(value):,}"
    return f"{value:,.1f}" if abs(value) >= 1000 else f"{value:.{digits}g}"


def decimal(value: float) -> str:
    """Write a number with two decimals; a dash where it is not defined."""
    return DASH if math.isnan(value) else f"{value:.2f}"


def with_interval(value: float, low: float, high: float) -> str:
    """Write a number and its interval, as far as they are defined: 0.95 (0.90–0.99)."""
    return decimal(value) if math.isnan(low) else f"{decimal(value)} ({low:.2f}–{high:.2f})"


def percent(share: float, decimals: int = 0) -> str:
    """Write a share as percent; a dash where it is not defined."""
    return DASH if math.isnan(share) else f"{100 * share:.{decimals}f} %"


def value_in_words(value: Any) -> str:
    """Write a hyperparameter's or a result's value; a dash where it has no effect."""
    if isinstance(value, bool | np.bool_) or not isinstance(value, int | float | np.number):
        return str(value)
    return number(float(value))
