"""Two speakers, one microphone: source separation, and the AutoClip study.

`recipe.py` trains one network; `study.py` repeats that over percentiles and seeds and keeps each result;
`table.py` and `figure.py` set the results beside the published ones. Below them, in the order of the work:
`corpus.py` finds voices, `audio.py` reads them, `mixtures.py` mixes, `spectra.py` transforms, `model.py` and
`losses.py` learn, `evaluation.py` separates and measures, `training.py` puts these together.
"""

from __future__ import annotations

from surefoot.recipes.separation.recipe import RECIPE

__all__ = ["RECIPE"]
