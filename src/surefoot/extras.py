"""Optional packages: which extra brings each, and one sentence where one is missing."""

from __future__ import annotations

import importlib
from collections.abc import Iterable, Iterator
from contextlib import contextmanager

from surefoot.errors import MissingExtra

# Name that is imported -> (name that is installed, extra of surefoot that brings it).
OPTIONAL = {
    "torch": ("PyTorch", "torch"),
    "matplotlib": ("matplotlib", "figures"),
    "PIL": ("Pillow", "figures"),
    "imageio_ffmpeg": ("imageio-ffmpeg", "video"),
    "accelerate": ("Accelerate", "train"),
    "safetensors": ("safetensors", "train"),
    "pydantic": ("Pydantic", "train"),
    "sklearn": ("scikit-learn", "train"),
    "soundfile": ("soundfile", "separation"),
    "scipy": ("SciPy", "train"),
    "torchmetrics": ("TorchMetrics", "separation"),
    "lightning": ("Lightning", "lightning"),
    "pytorch_lightning": ("Lightning", "lightning"),
    "transformers": ("Transformers", "transformers"),
    "optuna": ("Optuna", "search"),
    "libcst": ("LibCST", "edits"),
    "cmaes": ("cmaes", "search"),
    "ray": ("Ray", "ray"),
    "pandas": ("pandas", "export"),
    "polars": ("polars", "polars"),
    "pyarrow": ("PyArrow", "export"),
    "tensorboard": ("TensorBoard", "tensorboard"),
    "wandb": ("wandb", "wandb"),
    "mlflow": ("MLflow", "mlflow"),
    "starlette": ("Starlette", "view"),
    "uvicorn": ("uvicorn", "view"),
}


@contextmanager
def needed_for(what: str) -> Iterator[None]:
    """Turn the failed import of an optional package inside into one sentence.

    Args:
        what: What cannot be had without it, in the plural: "figures", "checkpoints".

    Raises:
        MissingExtra: An optional package is not installed.

    Example:
        >>> with needed_for("figures"):
        ...     import json
    """
    try:
        yield
    except ImportError as error:
        package = (error.name or "").partition(".")[0]
        if package not in OPTIONAL or isinstance(error, MissingExtra):
            raise
        raise MissingExtra(sentence(what, package)) from error


def require(what: str, packages: Iterable[str], extra: str | None = None) -> None:
    """Import optional packages before they are used, so that none turns out to be missing after a training.

    Args:
        what: What needs them, in the plural.
        packages: Names that are imported.
        extra: Extra that brings them all; by default those of the list.

    Raises:
        MissingExtra: Some are not installed; all of these are named at once.

    Example:
        >>> require("figures", [])
    """
    missing = [package for package in packages if not _importable(package)]
    if missing:
        raise MissingExtra(sentence(what, *missing, extra=extra))


def sentence(what: str, *packages: str, extra: str | None = None) -> str:
    """What is said of missing packages.

    Args:
        what: What needs them, in the plural.
        packages: Names that are imported.
        extra: Extra that brings them; by default those of the list.

    Example:
        >>> sentence("figures", "matplotlib", "PIL")
        "figures need matplotlib and Pillow, which are not installed: pip install 'surefoot[figures]'"
    """
    *names, last = (OPTIONAL[package][0] for package in packages)
    extras = extra or ",".join(sorted({OPTIONAL[package][1] for package in packages}))
    said = f"{', '.join(names)} and {last}" if names else last
    return f"{what} need {said}, which {'are' if names else 'is'} not installed: pip install 'surefoot[{extras}]'"


def _importable(package: str) -> bool:
    try:
        importlib.import_module(package)
    except (ImportError, OSError):  # OSError: soundfile without the library that it stands for
        return False
    return True
