"""Every exception that surefoot raises, drawn as a tree.

    SurefootError
    ├── ScriptError            a script or module that cannot be run as it was named
    ├── NothingTrained         a script that ended without a single backward pass
    ├── StoreError             a run that cannot be read or written
    │   ├── RunNotFound        no run of that name or path
    │   ├── DamagedRun         a file that is not a sound run: overwritten, cut short, or made by somebody else
    │   ├── RunLocked          a run that another program holds for now; trying again later may help
    │   └── NewerSchema        a run written by a newer surefoot
    ├── OutputError            an answer or a file that could not be written
    ├── SettingError           an argument or option outside its range (also a ValueError)
    ├── ClippingError          a clipper that cannot do what it was asked
    │   └── NonfiniteGradient  gradients that stayed NaN or infinite for too many steps
    ├── CheckpointError        a checkpoint of fit that cannot be written, read or continued
    ├── MissingExtra           an optional package that is not installed (also an ImportError)
    ├── UnknownRule            a rule code that does not exist
    └── UnknownRecipe          a recipe that does not exist

Each message is one sentence that says what was wrong, where, and what to do.
"""

from __future__ import annotations


class SurefootError(Exception):
    """Base of every error that surefoot raises itself."""


class ScriptError(SurefootError):
    """A script or module that cannot be run as it was named."""


class NothingTrained(SurefootError):
    """A script that ended without a single backward pass."""


class StoreError(SurefootError):
    """A run that cannot be read or written."""


class RunNotFound(StoreError):
    """No run of that name or path."""


class DamagedRun(StoreError):
    """A file that is not a sound run: overwritten, cut short, or made by somebody else."""


class RunLocked(StoreError):
    """A run that another program holds for now."""


class NewerSchema(StoreError):
    """A run that a newer surefoot wrote."""


class OutputError(SurefootError):
    """An answer or a file that could not be written."""


class SettingError(SurefootError, ValueError):
    """An argument or option outside its range."""


class ClippingError(SurefootError):
    """A clipper that cannot do what it was asked."""


class NonfiniteGradient(ClippingError):
    """Gradients that stayed NaN or infinite for more consecutive steps than allowed."""


class CheckpointError(SurefootError):
    """A checkpoint of `fit` that cannot be written, read or continued."""


class MissingExtra(SurefootError, ImportError):
    """An optional package that is not installed."""


class UnknownRule(SurefootError):
    """A rule code that does not exist."""


class UnknownRecipe(SurefootError):
    """A recipe that does not exist."""
