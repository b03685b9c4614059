"""The descent lab from Python: in a notebook, in a browser, in a file."""

from __future__ import annotations

import html
import os
import tempfile
import webbrowser
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from surefoot.errors import SettingError, StoreError
from surefoot.lab.page import page
from surefoot.lab.planes import plane_data
from surefoot.surfaces import Surface, load

Planes = Surface | str | os.PathLike[str] | Sequence[Surface] | Mapping[str, Surface] | None
_FRAME = "width:100%;height:{height}px;border:1px solid #c6ced7;border-radius:8px"


@dataclass(frozen=True, repr=False)
class Lab:
    """The page, ready to be shown; a notebook shows it by itself.

    Args:
        html: The whole document.
        height: Of the frame in a notebook. Unit: pixels.
    """

    html: str = field(repr=False)
    height: int = 900

    def save(self, path: str | os.PathLike[str]) -> Path:
        """Write the page to a file.

        Raises:
            StoreError: It cannot be written there.
        """
        target = Path(path)
        try:
            target.write_text(self.html, encoding="utf-8")
        except OSError as error:
            raise StoreError(
                f"cannot write {target} ({error.strerror or error}); choose another place."
            ) from error
        return target

    def open(self) -> Path:
        """Show the page in the browser, from a file in a new temporary folder.

        Returns:
            That file; where there is no browser it can be opened by hand.
        """
        path = self.save(Path(tempfile.mkdtemp(prefix="surefoot-lab-")) / "lab.html")
        webbrowser.open(path.as_uri())
        return path

    def __repr__(self) -> str:
        return (
            f"Lab({len(self.html):,} characters; show it by .open() or .save(path), or as a cell's last line)"
        )

    def _repr_html_(self) -> str:
        # Its own frame: neither the notebook's styles nor its scripts meet the lab's.
        return (
            f'<iframe title="The descent lab" sandbox="allow-scripts allow-downloads" '
            f'style="{_FRAME.format(height=self.height)}" srcdoc="{html.escape(self.html)}"></iframe>'
        )


def lab(surface: Planes = None, *, settings: str = "", height: int = 900) -> Lab:
    """The descent lab: press a point, choose rules, watch them race; one page that works offline.

    Args:
        surface: A trained model's plane, as `surefoot.landscape(…)` gives it, or its .npz file; several, as a
            sequence or by the names that the list of surfaces shall show. None: the lab's own surfaces only.
        settings: What is shown first, as it stands after # in the lab's address, such as
            "surface=ravine&racer=gd,rate:0.02".
        height: Of the frame in a notebook. Unit: pixels.

    Returns:
        The page. A notebook shows it; `save` writes and `open` shows it in a browser.

    Raises:
        SettingError: A surface that is too coarse, unevenly spaced or without a finite loss.
        StoreError: A file that is no surface.

    Example:
        >>> page = lab(settings="surface=saddle")
        >>> page.html[:15], len(page.html) < 300_000
        ('<!doctype html>', True)
    """
    planes = [plane_data(each, name) for name, each in _named(surface).items()]
    return Lab(page(planes, settings), height)


def _named(surface: Planes) -> dict[str | None, Surface]:
    """Each surface by the name to be shown."""
    if surface is None:
        return {}
    if isinstance(surface, Mapping):
        return {name: _surface(each) for name, each in surface.items()}
    if isinstance(surface, (Surface, str, os.PathLike)):
        return {None: _surface(surface)}
    found = [_surface(each) for each in surface]
    return {f"{number}: {each.x_name}, {each.y_name}": each for number, each in enumerate(found, start=1)}


def _surface(given: object) -> Surface:
    if isinstance(given, (str, os.PathLike)):
        given = load(given)
    if not isinstance(given, Surface):
        raise SettingError(
            f"the lab shows surfaces, not {type(given).__name__}: give what landscape(…) returns."
        )
    return given
