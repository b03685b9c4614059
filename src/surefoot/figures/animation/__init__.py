"""Pictures that move: scenes, and the GIF, MP4 and HTML they are written to."""

from surefoot.figures.animation.animate import animate
from surefoot.figures.animation.scenes import Scene, curves_scene, fit_scene, path_scene, rates_scene

__all__ = ["Scene", "animate", "curves_scene", "fit_scene", "path_scene", "rates_scene"]
