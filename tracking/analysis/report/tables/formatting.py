"""How numbers are written: percent, points, probabilities, intervals; a dash where there is none."""

from tracking.analysis.statistics.proportions import Interval
from tracking.analysis.variants.scores import Spread

NONE = "–"


def percent(share: float | None, digits: int = 1) -> str:
    """A share of 0..1 as percent without the sign, such as '71.4'."""
    return NONE if share is None else f"{100 * share:.{digits}f}"


def points(difference: float | None) -> str:
    """A difference of shares in percentage points with its sign, such as '+1.9'."""
    if difference is None:
        return NONE
    # A difference that rounds to nothing has no sign worth showing.
    text = f"{100 * difference:+.1f}"
    return "0.0" if text in ("+0.0", "-0.0") else text.replace("-", "−")


def probability(p: float | None) -> str:
    """A probability with three decimals, such as '.042', '<.001' or '1'."""
    if p is None:
        return NONE
    if p < 0.0005:
        return "<.001"
    return "1" if p > 0.9995 else f"{p:.3f}".lstrip("0")


def interval_percent(interval: Interval | None) -> str:
    """An interval of shares in percent, such as '68.2 to 74.1'."""
    return NONE if interval is None else f"{percent(interval.low)} to {percent(interval.high)}"


def interval_points(interval: Interval | None) -> str:
    """An interval of a difference in points, such as '−0.9 to +4.3'."""
    return NONE if interval is None else f"{points(interval.low)} to {points(interval.high)}"


def spread_percent(spread: Spread) -> str:
    """A mean and its deviation in percent, such as '71.0 ± 6.3'."""
    return percent(spread.mean) if spread.deviation is None else f"{percent(spread.mean)} ± {percent(spread.deviation)}"


def count(number: int) -> str:
    """A number of things, such as '2,943'."""
    return f"{number:,}"


def minutes(seconds: float) -> str:
    """A time in minutes with one decimal, such as '12.5'."""
    return f"{seconds / 60:.1f}"


def seconds_spread(spread: Spread) -> str:
    """A mean time and its deviation in seconds, such as '24.1 ± 1.3'."""
    return f"{spread.mean:.1f}" if spread.deviation is None else f"{spread.mean:.1f} ± {spread.deviation:.1f}"


def ratio(value: float | None) -> str:
    """A multiple, such as '1.25'."""
    return NONE if value is None else f"{value:.2f}"
