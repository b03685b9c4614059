"""One training under many settings: which rate, which optimizer, and whether the difference is more than the seed."""

from surefoot.search.easy import sweep
from surefoot.search.records import Configuration, Sweep, Verdict

__all__ = ["Configuration", "Sweep", "Verdict", "sweep"]
