"""What the terminal, the page and the picture of a range test all say in the same words."""

from __future__ import annotations

from surefoot.facts import RateTrial, SuggestedRate
from surefoot.report.numbers import value

YOURS = "yours"
HALF = "half of curvature"


def whose(methods: tuple[str, ...]) -> str:
    """The method whose own rate was tried, of those that were taken together."""
    return YOURS if YOURS in methods else methods[0]


def suggested_by(methods: tuple[str, ...]) -> str:
    """Whose rate it is, and whose lies so near that it was not tried apart.

    Example:
        >>> suggested_by(("edge", HALF)), suggested_by(("valley", YOURS))
        ('edge, close to half of curvature', 'yours, close to valley')
    """
    own = whose(methods)
    near = [method for method in methods if method != own]
    return f"{own}, close to {listed(near)}" if near else own


def interval(suggestion: SuggestedRate) -> str:
    """Both ends of what can't be told from the rate; "" where they read the same.

    Example:
        >>> interval(SuggestedRate(method="edge", rate=0.1, low=0.05, high=0.2))
        '0.05 … 0.2'
        >>> interval(SuggestedRate(method="curvature", rate=0.1, low=0.10001, high=0.10002))
        ''
    """
    if suggestion.low is None or suggestion.high is None:
        return ""
    low, high = value(suggestion.low), value(suggestion.high)
    return "" if low == high else f"{low} … {high}"


def came_to(trial: RateTrial) -> str:
    """The loss of a trial with its error, or why it has none."""
    if trial.loss is None:
        return trial.ended or "no finite loss"
    return value(trial.loss) + (f" ± {value(trial.error)}" if trial.error else "")


def listed(words: list[str]) -> str:
    """Several in a sentence.

    Example:
        >>> listed(["a"]), listed(["a", "b", "c"])
        ('a', 'a, b and c')
    """
    return " and ".join(filter(None, (", ".join(words[:-1]), words[-1])))
