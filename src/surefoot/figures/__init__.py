"""Pictures of records: static figures, interactive pages, animations. Never torch."""

from surefoot.figures.animation import animate, curves_scene, fit_scene, path_scene, rates_scene
from surefoot.figures.draw import draw

__all__ = ["animate", "curves_scene", "draw", "fit_scene", "path_scene", "rates_scene"]
