"""Runs at the start of each Python that an observed script starts: waits for torch, and does nothing else.

The one that it stands before runs as if this one were not there. Nothing is imported: every helper pays for it.
"""

import sys


class Waiting:
    """Finds nothing; hands over when torch is looked for."""

    surefoot_waits = True

    def __init__(self, path: list[str], loaded: frozenset[str]) -> None:
        self._found_before = path, loaded

    def find_spec(self, name: str, path: object = None, target: object = None) -> object:
        """Where a module is: never told for another than torch."""
        if name != "torch":
            return None
        sys.meta_path.remove(self)  # type: ignore[arg-type]
        try:
            from surefoot.capture.children import child
        except Exception:
            return None  # another Python, without surefoot: what trains there is not observed
        return child.torch_is_looked_for(*self._found_before)


def _run_the_one_behind() -> None:
    here = __file__.replace("\\", "/").rpartition("/")[0]
    sys.path[:] = [entry for entry in sys.path if entry.replace("\\", "/").rstrip("/") != here]
    ours = sys.modules.pop("sitecustomize")
    try:
        __import__("sitecustomize")
    except ImportError as error:
        if error.name != "sitecustomize":
            raise
    finally:
        sys.modules.setdefault("sitecustomize", ours)


_run_the_one_behind()
sys.meta_path.insert(0, Waiting(sys.path[:], frozenset(sys.modules)))  # type: ignore[arg-type]
