"""Pictures of records: static figures, interactive pages, animations. Never torch."""

from surefoot.figures.animation import animate, curves_scene, fit_scene, path_scene, rates_scene
from surefoot.figures.backprop_text import backprop_text, memory_text, steps_text
from surefoot.figures.draw import draw, draw_backprop

__all__ = [
    "animate",
    "backprop_text",
    "curves_scene",
    "draw",
    "draw_backprop",
    "fit_scene",
    "memory_text",
    "path_scene",
    "rates_scene",
    "steps_text",
]
