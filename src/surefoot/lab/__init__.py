"""The descent lab: a page on which rules race down a surface, in one file that asks the network for nothing.

Everything that moves is JavaScript, as plain modules under static/: `rules/`, `surfaces/`, `clipping.js` and
`schedules.js` are the maths, each file its equation; `lab.js` computes the paths, `view/` draws, `panels/` are the
controls, `main.js` puts them together. Here the page is put into one file, with the planes of trained models in it.
The module itself is the short way in: `surefoot.lab()`.
"""

import inspect
import sys
from types import ModuleType
from typing import Any

from surefoot.lab.lab import Lab, lab
from surefoot.lab.page import page
from surefoot.lab.planes import plane_data

__all__ = ["Lab", "lab", "page", "plane_data"]


class _Room(ModuleType):
    """A module that can be called, so that `surefoot.lab` is both the function and the room it lives in."""

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        return lab(*args, **kwargs)


sys.modules[__name__].__class__ = _Room
__signature__ = inspect.signature(lab)  # what help and editors show of the call
