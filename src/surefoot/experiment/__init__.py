"""Fixes of what was found, tried: the script as it is, with each of them, and with those together that help."""

from surefoot.experiment.easy import try_fixes
from surefoot.experiment.records import Attempt, TriedFixes

__all__ = ["Attempt", "TriedFixes", "try_fixes"]
