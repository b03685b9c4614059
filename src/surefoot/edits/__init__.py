"""The smallest edit of a training script that does what a finding's fix says, or none. Never torch."""

from surefoot.edits.engine import codes, edit
from surefoot.edits.record import Edit

__all__ = ["Edit", "codes", "edit"]
