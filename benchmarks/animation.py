"""How fast and how small GIFs are, beside matplotlib's own writer and the gif package.

    python benchmarks/animation.py [--rounds 3] [--write docs/animations.md]

One picture, 80 frames at 640 x 480: a path over the contours of a bowl. Every variant draws the same things with
matplotlib; the time is milliseconds a frame, everything included. The variants take turns, in another order each round.
The gif package comes from PyPI into .venv/peers on first use.
"""

from __future__ import annotations

import argparse
import os
import random
import statistics
import subprocess
import sys
import sysconfig
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
from measured import put

from surefoot.figures import animate
from surefoot.figures.animation import path_scene
from surefoot.figures.canvas import SURFACE_MAP
from surefoot.figures.surface import contour_levels
from surefoot.surfaces import Path as Trail
from surefoot.surfaces import Surface

PEERS = ("gif==23.3.0",)
ROOT = Path(__file__).resolve().parent.parent
FRAMES = 80


def picture() -> Surface:
    """Descent with momentum in a narrow bowl."""
    x, y = np.linspace(-3, 3, 61), np.linspace(-2, 2, 61)
    losses = 0.5 * x[None] ** 2 + 5 * y[:, None] ** 2 + 0.01
    point, velocity, points = np.array([-2.6, 1.5]), np.zeros(2), []
    for _ in range(FRAMES):
        points.append(point)
        velocity = 0.8 * velocity - 0.03 * point * [1, 10]
        point = point + velocity
    path = np.array(points)
    values = 0.5 * path[:, 0] ** 2 + 5 * path[:, 1] ** 2 + 0.01
    trail = Trail("momentum", np.arange(FRAMES), path, np.zeros(FRAMES), values)
    return Surface("grid", x, y, losses, (0.0, 0.0), 0.01, "x", "y", explained=(0.6, 0.4), paths=(trail,))


def drawn(surface: Surface) -> tuple[Any, Any, Any, Any]:
    """The same picture with plain matplotlib."""
    import matplotlib.pyplot as plt

    figure, axes = plt.subplots(figsize=(6.4, 4.8), dpi=100, layout="constrained")
    levels, _ = contour_levels(surface.losses)
    filled = axes.contourf(
        surface.x, surface.y, surface.losses, levels=levels, cmap=SURFACE_MAP, extend="both"
    )
    axes.contour(surface.x, surface.y, surface.losses, levels=levels, colors="white", linewidths=0.4)
    figure.colorbar(filled, ax=axes)
    axes.set_xlabel("x")
    axes.set_ylabel("y")
    (line,) = axes.plot([], [], color="#d55e00", lw=2, label="momentum")
    (head,) = axes.plot([], [], "o", color="#d55e00", mec="white", ms=9)
    note = axes.text(0.02, 0.03, "", transform=axes.transAxes)
    axes.legend(loc="upper right")
    axes.set_xlim(-3, 3)
    axes.set_ylim(-2, 2)
    return figure, line, head, note


def move(surface: Surface, artists: tuple[Any, Any, Any], frame: int) -> None:
    line, head, note = artists
    points = surface.paths[0].points
    line.set_data(*points[: frame + 1].T)
    head.set_data(*points[frame : frame + 1].T)
    note.set_text(f"step {frame}")


def ours(surface: Surface, path: Path) -> None:
    animate(path_scene(surface, frames=FRAMES), path)


def by_matplotlib(surface: Surface, path: Path) -> None:
    import matplotlib.pyplot as plt
    from matplotlib.animation import FuncAnimation, PillowWriter

    figure, *artists = drawn(surface)
    animation = FuncAnimation(figure, lambda i: move(surface, tuple(artists), i), frames=FRAMES)
    animation.save(path, writer=PillowWriter(fps=20))
    plt.close(figure)


def by_gif(surface: Surface, path: Path) -> None:
    import gif
    import matplotlib.pyplot as plt

    @gif.frame
    def one(frame: int) -> None:
        _, *artists = drawn(surface)
        move(surface, tuple(artists), frame)

    gif.save([one(i) for i in range(FRAMES)], str(path), duration=50)
    plt.close("all")


def in_environment_of_peers() -> bool:
    """Whether the package can be imported; else make its environment."""
    home = ROOT / ".venv" / "peers"
    python = home / "bin" / "python"
    if not python.exists():
        subprocess.run([sys.executable, "-m", "venv", str(home)], check=True)
    version = f"python{sys.version_info.major}.{sys.version_info.minor}"
    packages = home / "lib" / version / "site-packages"
    if not (packages / "gif.py").exists():
        pip = [str(python), "-m", "pip", "--disable-pip-version-check", "install", "--quiet", "--no-deps"]
        subprocess.run([*pip, *PEERS], check=True)
    if Path(sys.prefix).resolve() == home.resolve():
        return True
    (packages / "beside.pth").write_text(f"{sysconfig.get_paths()['purelib']}\n{ROOT / 'src'}\n")
    return False


def table(rounds: int) -> str:
    """Milliseconds a frame and size, as Markdown."""
    import matplotlib

    matplotlib.use("Agg")
    surface = picture()
    variants = {"surefoot": ours, "matplotlib's PillowWriter": by_matplotlib, "gif package": by_gif}
    times: dict[str, list[float]] = {name: [] for name in variants}
    sizes: dict[str, int] = {}
    order = list(variants)
    with tempfile.TemporaryDirectory() as folder:
        for turn in range(rounds + 1):  # the first warms up: fonts, imports
            random.Random(turn).shuffle(order)
            for name in order:
                path = Path(folder) / f"{order.index(name)}.gif"
                start = time.perf_counter()
                variants[name](surface, path)
                if turn:
                    times[name].append(time.perf_counter() - start)
                sizes[name] = path.stat().st_size
    rows = ["| writer | ms a frame | kB | time, against surefoot |", "| - | - | - | - |"]
    own = statistics.median(times["surefoot"])
    for name, values in times.items():
        middle = statistics.median(values)
        rows.append(
            f"| {name} | {1000 * middle / FRAMES:.1f} | {sizes[name] / 1000:.0f} | {middle / own:.1f} |"
        )
    return "\n".join(rows)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--write", type=Path)
    options = parser.parse_args()
    if not in_environment_of_peers():
        python = str(ROOT / ".venv" / "peers" / "bin" / "python")
        os.execv(python, [python, *sys.argv])
    measured = table(options.rounds)
    print(measured)
    if options.write:
        put(measured, options.write, __file__)


if __name__ == "__main__":
    main()
