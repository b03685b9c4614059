"""Loss landscapes: slices, grids, planes through the trained point, paths on them, sharpness, smoothness.

Everything here works on a copy of the model and leaves the user's model and random state bitwise as they
were. The module itself is the short way in: `surefoot.landscape(model, loss, data)`; the parts are here for the rest.
"""

import inspect
import sys
from types import ModuleType
from typing import Any

from surefoot.landscape.descent import compare, descend
from surefoot.landscape.directions import principal_directions, random_direction, scalar_direction
from surefoot.landscape.easy import landscape
from surefoot.landscape.evaluation import evaluate
from surefoot.landscape.fits import fit_along
from surefoot.landscape.objective import Objective, undisturbed
from surefoot.landscape.planes import checkpoint_plane, grid, principal_plane, random_plane, surface_over
from surefoot.landscape.sharpness import hessian_product, sharpness
from surefoot.landscape.slices import slice_along_direction, slice_along_parameter, slice_between
from surefoot.landscape.smoothness import SmoothnessMeter, smoothness_along
from surefoot.landscape.trajectory import TrajectoryRecorder, project
from surefoot.surfaces import LogFit, log_fit

__all__ = [
    "LogFit",
    "Objective",
    "SmoothnessMeter",
    "TrajectoryRecorder",
    "checkpoint_plane",
    "compare",
    "descend",
    "evaluate",
    "fit_along",
    "grid",
    "hessian_product",
    "landscape",
    "log_fit",
    "principal_directions",
    "principal_plane",
    "project",
    "random_direction",
    "random_plane",
    "scalar_direction",
    "sharpness",
    "slice_along_direction",
    "slice_along_parameter",
    "slice_between",
    "smoothness_along",
    "surface_over",
    "undisturbed",
]


class _Room(ModuleType):
    """A module that can be called, so that `surefoot.landscape` is both the function and the room it lives in."""

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        return landscape(*args, **kwargs)


sys.modules[__name__].__class__ = _Room
__signature__ = inspect.signature(landscape)  # what help and editors show of the call
