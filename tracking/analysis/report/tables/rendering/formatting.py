"""Formatting of percentages, points, p-values and intervals; a dash for a missing value."""

from tracking.analysis.statistics.proportions import Interval
from tracking.analysis.variants.scores import MeanAndStd

NOT_APPLICABLE = "–"


def format_percent(share: float | None) -> str:
    """Format a share of 0..1 as percent without the sign, such as '71.4'."""
    return NOT_APPLICABLE if share is None else f"{100 * share:.1f}"


def format_points(difference: float | None) -> str:
    """Format a difference of shares in percentage points with its sign, such as '+1.9'."""
    if difference is None:
        return NOT_APPLICABLE
    # A difference that rounds to zero has no sign worth showing.
    text = f"{100 * difference:+.1f}"
    return "0.0" if text in ("+0.0", "-0.0") else text.replace("-", "−")


def format_p_value(p: float | None) -> str:
    """Format a probability with three decimals, such as '.042', '<.001' or '1'."""
    if p is None:
        return NOT_APPLICABLE
    if p < 0.0005:
        return "<.001"
    return "1" if p > 0.9995 else f"{p:.3f}".lstrip("0")


def format_percent_interval(interval: Interval | None) -> str:
    """Format an interval of shares in percent, such as '68.2 to 74.1'."""
    return NOT_APPLICABLE if interval is None else f"{format_percent(interval.low)} to {format_percent(interval.high)}"


def format_points_interval(interval: Interval | None) -> str:
    """Format an interval of a difference in points, such as '−0.9 to +4.3'."""
    return NOT_APPLICABLE if interval is None else f"{format_points(interval.low)} to {format_points(interval.high)}"


def format_percent_spread(spread: MeanAndStd) -> str:
    """Format a mean and its standard deviation in percent, such as '71.0 ± 6.3'."""
    return (
        format_percent(spread.mean)
        if spread.std is None
        else f"{format_percent(spread.mean)} ± {format_percent(spread.std)}"
    )


def format_count(number: int) -> str:
    """Format a count, such as '2,943'."""
    return f"{number:,}"


def format_minutes(seconds: float) -> str:
    """Format seconds as minutes with one decimal, such as '12.5'."""
    return f"{seconds / 60:.1f}"


def format_seconds_spread(spread: MeanAndStd) -> str:
    """Format a mean time and its standard deviation in seconds, such as '24.1 ± 1.3'."""
    return f"{spread.mean:.1f}" if spread.std is None else f"{spread.mean:.1f} ± {spread.std:.1f}"


def format_ratio(value: float | None) -> str:
    """Format a ratio, such as '1.25'."""
    return NOT_APPLICABLE if value is None else f"{value:.2f}"
