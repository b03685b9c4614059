"""The smallest edit of a training script that does what a finding's fix says, or none. Never torch."""

from surefoot.edits.engine import codes, edit
from surefoot.edits.record import Edit
from surefoot.edits.several import Wanted, edit_all

__all__ = ["Edit", "Wanted", "codes", "edit", "edit_all"]
