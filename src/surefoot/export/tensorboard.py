"""A run as an event file of TensorBoard."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from surefoot.export.table import curves, moments
from surefoot.extras import needed_for
from surefoot.records import Finding, History


def write_events(history: History, findings: Sequence[Finding], folder: str | Path) -> Path:
    """Write one event file: every curve as a scalar at the time it had, every finding as a text.

    Args:
        history: The run, whole.
        findings: What was found.
        folder: A run's folder of TensorBoard's; made where it is not there.

    Returns:
        The same folder.

    Raises:
        MissingExtra: TensorBoard is not installed.
    """
    with needed_for("event files"):
        from tensorboard.summary.writer.event_file_writer import EventFileWriter
    writer = EventFileWriter(str(folder), max_queue_size=1000)
    try:
        for event in (*_scalars(history), *_texts(history, findings)):
            writer.add_event(event)
    finally:
        writer.close()
    return Path(folder)


def _scalars(history: History) -> Iterator[Any]:
    from tensorboard.compat.proto.event_pb2 import Event
    from tensorboard.compat.proto.summary_pb2 import Summary

    for name, series in curves(history):
        at = moments(history, series.steps).tolist()
        for step, value, moment in zip(series.steps.tolist(), series.values.tolist(), at, strict=True):
            shown = Summary(value=[Summary.Value(tag=name, simple_value=value)])
            yield Event(wall_time=moment, step=step, summary=shown)


def _texts(history: History, findings: Sequence[Finding]) -> Iterator[Any]:
    from tensorboard.compat.proto.event_pb2 import Event
    from tensorboard.compat.proto.summary_pb2 import Summary, SummaryMetadata
    from tensorboard.compat.proto.tensor_pb2 import TensorProto
    from tensorboard.compat.proto.tensor_shape_pb2 import TensorShapeProto
    from tensorboard.compat.proto.types_pb2 import DT_STRING

    kind = SummaryMetadata(plugin_data=SummaryMetadata.PluginData(plugin_name="text"))
    ended = history.run.ended or history.run.heartbeat or history.run.started
    for finding in findings:
        said = f"{finding.title}\n\n{finding.fix}".encode()
        text = TensorProto(dtype=DT_STRING, string_val=[said], tensor_shape=TensorShapeProto())
        value = Summary.Value(tag=f"surefoot/{finding.code}", metadata=kind, tensor=text)
        yield Event(wall_time=ended, step=finding.step or 0, summary=Summary(value=[value]))
