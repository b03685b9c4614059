"""Without the extra, importing a door is one clear sentence."""

from __future__ import annotations

import importlib
import sys

import pytest

from surefoot.errors import MissingExtra

LIBRARIES = {
    "lightning": ["lightning.pytorch", "lightning", "pytorch_lightning"],
    "transformers": ["transformers"],
    "accelerate": ["accelerate"],
}


@pytest.mark.parametrize("door", LIBRARIES)
def test_missing_library_names_the_extra(door, monkeypatch):
    monkeypatch.delitem(sys.modules, f"surefoot.integrations.{door}", raising=False)
    for library in LIBRARIES[door]:
        monkeypatch.setitem(sys.modules, library, None)
    with pytest.raises(MissingExtra, match=rf"pip install 'surefoot\[{door}\]'") as caught:
        importlib.import_module(f"surefoot.integrations.{door}")
    assert isinstance(caught.value, ImportError)
