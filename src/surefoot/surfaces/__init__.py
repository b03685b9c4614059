"""What landscapes are: frozen records, the files that keep them, the fit of smoothness.

The landscape room computes them, the figures room draws them. No torch.
"""

from surefoot.surfaces.files import load, read_arrays, save, write_arrays
from surefoot.surfaces.log_fit import LogFit, log_fit
from surefoot.surfaces.records import (
    Descent,
    Fit,
    Floats,
    Path,
    Record,
    Sharpness,
    Slice,
    Smoothness,
    Steps,
    Surface,
    SurfaceKind,
    Trajectory,
)

__all__ = [
    "Descent",
    "Fit",
    "Floats",
    "LogFit",
    "Path",
    "Record",
    "Sharpness",
    "Slice",
    "Smoothness",
    "Steps",
    "Surface",
    "SurfaceKind",
    "Trajectory",
    "load",
    "log_fit",
    "read_arrays",
    "save",
    "write_arrays",
]
