"""What a release names, quick to tell; `make release-check` builds it and tries every command."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).parents[1]


def loaded(path: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(Path(path).stem, ROOT / path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_version_and_citation_agree() -> None:
    check = loaded("release/check.py")
    check.names_agree(None, "0.1.0.dev7")
    with pytest.raises(SystemExit, match=r"does not name version 9\.9\.9"):
        check.names_agree(None, "9.9.9")
    with pytest.raises(SystemExit, match=r"the tag is v9\.9\.9"):
        check.names_agree("v9.9.9", "0.1.0")


def test_links_become_whole_addresses_where_the_repository_is_named() -> None:
    pytest.importorskip("hatchling")
    whole = loaded("hatch_build.py").with_whole_addresses
    text = "![a](docs/a.png) [b](docs/b.md#c) [d](https://e.org) [f](#g)"
    assert whole(text, "https://r.org/s") == (
        "![a](https://r.org/s/raw/main/docs/a.png) [b](https://r.org/s/blob/main/docs/b.md#c) "
        "[d](https://e.org) [f](#g)"
    )
