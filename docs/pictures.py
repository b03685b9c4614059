"""README's first pictures, made anew: the faulty spiral and the mended one, as reports and in a terminal.

python docs/pictures.py            `make pictures`; wants headless Chromium
"""

from __future__ import annotations

import io
import os
import re
import shutil
import sys
import tempfile
from pathlib import Path

import pexpect
from PIL import Image
from rich.console import Console
from rich.terminal_theme import TerminalTheme
from rich.text import Text

ROOT = Path(__file__).resolve().parents[1]
IMAGES = ROOT / "docs" / "images"
sys.path.insert(0, str(ROOT / "tests"))

from report.chromium import Chromium, Tab  # noqa: E402

COMMANDS = (
    ("report", 1120, "surefoot run --name before --report before.html spiral.py"),
    ("report-after", 900, "surefoot run --name after --report after.html spiral.py --mended"),
)
COLUMNS = 150
_TITLE = re.compile(r"\x1b(\][^\x07]*\x07|\[2[23];[02]t)")  # progress is shown in the window's title
_COLOURS = [(20, 24, 29), (240, 140, 130), (120, 190, 170), (220, 190, 120)] + 4 * [(150, 190, 230)]
THEME = TerminalTheme((20, 24, 29), (230, 233, 237), _COLOURS, _COLOURS)
PAGE = """<meta charset="utf-8"><style>body {{ background: #14181d; margin: 20px 20px 24px }}
pre {{ margin: 0; font: 14px/1.45 "DejaVu Sans Mono", monospace; color: #e6e9ed }} {stylesheet}</style>
<pre>{code}</pre>"""


def said(command: str, folder: Path) -> str:
    """What a command prints in a terminal."""
    environ = {
        **os.environ,
        "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
        "TERM": "xterm-256color",
    }
    environ.pop("NO_COLOR", None)
    out = pexpect.run(command, cwd=folder, env=environ, timeout=600, dimensions=(40, COLUMNS))
    return _TITLE.sub("", out.decode().replace("\r\n", "\n")).strip("\n")


def terminal(texts: list[str]) -> str:
    """A page that shows commands and what they printed."""
    console = Console(record=True, width=COLUMNS, file=io.StringIO(), force_terminal=True)
    for (_, _, command), text in zip(COMMANDS, texts, strict=True):
        shown = " ".join(
            word for word in command.split() if word != "--report" and not word.endswith(".html")
        )
        console.print(Text.assemble(("$ ", "green"), shown))
        console.print(Text.from_ansi(text), "\n")
    return console.export_html(theme=THEME, code_format=PAGE)


def photograph(tab: Tab, name: str, height: float) -> None:
    """The upper part of a page."""
    tab.settle()
    tab.screenshot(IMAGES / f"{name}.png")
    whole = Image.open(IMAGES / f"{name}.png")
    whole.crop((0, 0, whole.width, round(height))).save(IMAGES / f"{name}.png", optimize=True)


def main() -> None:
    """Run both, and photograph."""
    folder = Path(tempfile.gettempdir()) / "spirals"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    try:
        shutil.copy(ROOT / "examples" / "spiral.py", folder)
        texts = [said(command, folder) for _, _, command in COMMANDS]
        (folder / "terminal.html").write_text(terminal(texts), encoding="utf-8")
        with tempfile.TemporaryDirectory() as profile, Chromium(Path(profile) / "profile") as browser:
            for (name, height, _), page in zip(COMMANDS, ("before", "after"), strict=True):
                photograph(browser.open(folder / f"{page}.html", width=1200), name, height)
            tab = browser.open(folder / "terminal.html", width=1260)
            photograph(
                tab, "terminal", 20 + tab.run("document.querySelector('pre').getBoundingClientRect().bottom")
            )
    finally:
        shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    main()
