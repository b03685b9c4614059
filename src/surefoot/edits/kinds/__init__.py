"""One file a kind of edit: a function that changes a script for a finding, or raises Unsure."""

from surefoot.edits.kinds._kind import Maker, Place, answers

__all__ = ["Maker", "Place", "answers"]
