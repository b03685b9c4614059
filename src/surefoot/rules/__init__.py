"""The doctor: rules that read a run's history and name what is wrong, with the evidence and the fix.

Each file in `wiring` and `dynamics` is one rule: its page, its message and its check. Other packages add
rules by the entry point `surefoot.rules`.
"""

from surefoot.rules.base import Draft, Rule, rule
from surefoot.rules.engine import diagnose
from surefoot.rules.registry import all_rules, explain, get_rule

__all__ = ["Draft", "Rule", "all_rules", "diagnose", "explain", "get_rule", "rule"]
