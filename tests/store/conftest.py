"""Fixtures for runs on disk."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from surefoot.records import Run
from surefoot.store.writer import RunWriter

RUN = Run(path="", name="", script="train.py")


@pytest.fixture
def writer(tmp_path: Path) -> Iterator[RunWriter]:
    """A run that is being written, in tmp_path/runs."""
    writer = RunWriter(tmp_path / "runs")
    writer.create(RUN, name="run")
    yield writer
    writer.close()


@pytest.fixture
def folder(writer: RunWriter) -> Path:
    """Its folder."""
    assert writer.path is not None
    return writer.path
