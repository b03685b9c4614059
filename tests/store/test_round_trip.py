"""What is written comes back as it was: NaN, infinities and what was never recorded included."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from surefoot.errors import SettingError, StoreError
from surefoot.facts import Calls, LossCall, Spread
from surefoot.records import ActivationInfo, Finding, OptimizerInfo, ParameterInfo, Run
from surefoot.store.batch import Batch, HyperparameterRow, LayerRow, MetricRow, StepRow
from surefoot.store.blocks import BLOCK_ROWS, column, pack, unpack
from surefoot.store.follow import Cursor
from surefoot.store.reader import open_run
from surefoot.store.writer import RunWriter

from .conftest import RUN
from .reference import same

NAN, INF = math.nan, math.inf
SGD = [OptimizerInfo(index, "SGD", {}, ()) for index in range(3)]

maybe = st.none() | st.floats()
step_rows = st.builds(
    StepRow,
    step=st.integers(0, 2**40),
    optimizer=st.integers(0, 2),
    time=st.floats(0, 1e9),
    micro_steps=st.integers(0, 9),
    loss=maybe,
    grad_norm=maybe,
    lr=maybe,
    clip_threshold=maybe,
    clip_factor=maybe,
)
quick = settings(deadline=None, max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])


@quick
@given(
    batches=st.lists(st.lists(step_rows, max_size=20), max_size=3),
    scalars=st.lists(st.tuples(st.integers(-(2**62), 2**62), st.floats()), max_size=20),
)
def test_every_number_comes_back(
    tmp_path: Path, batches: list[list[StepRow]], scalars: list[tuple[int, float]]
) -> None:
    writer = RunWriter(tmp_path)
    folder = writer.create(RUN)
    writer.write(Batch(optimizers=SGD))
    for batch in batches:
        writer.write(Batch(steps=batch))
    metrics = [MetricRow(step, "val_loss", value, 0.5) for step, value in scalars]
    writer.write(Batch(metrics=metrics))
    writer.finish("finished", 0)
    rows = [row for batch in batches for row in batch]
    with open_run(folder) as reader:
        found = reader.after(Cursor())
        assert same(list(found.steps), rows)
        assert same(list(found.metrics), metrics)
        in_order = sorted(scalars, key=lambda pair: pair[0])
        assert reader.metric("val_loss").steps.tolist() == [step for step, _ in in_order]
        assert same(reader.metric("val_loss").values.tolist(), [value for _, value in in_order])
        for optimizer in range(3):
            own = sorted((row for row in rows if row.optimizer == optimizer), key=lambda row: row.step)
            for name in ("loss", "grad_norm", "lr", "time", "micro_steps"):
                expected = [float(getattr(row, name)) for row in own if getattr(row, name) is not None]
                assert same(reader.series(name, optimizer).values.tolist(), expected)
            if any(row.clip_factor is not None for row in own):
                factors = [NAN if row.clip_factor is None else row.clip_factor for row in own]
                assert same(reader.series("clip_factor", optimizer).values.tolist(), factors)
            else:
                assert len(reader.series("clip_factor", optimizer)) == 0


@given(
    st.lists(st.floats(), min_size=3, max_size=50)
    | st.lists(st.floats(width=32), min_size=3, max_size=50)
    | st.builds(lambda value: [value] * 5, st.floats())
)
def test_packed_floats_come_back(values: list[float]) -> None:
    data = pack(column("loss", values))
    assert len(data) in (8, 4 * len(values), 8 * len(values))
    assert same(unpack("loss", data, len(values)).tolist(), values)


@given(st.lists(st.integers(-(2**63), 2**63 - 1) | st.integers(-3, 3), min_size=3, max_size=50))
def test_packed_integers_come_back(values: list[int]) -> None:
    found = unpack("step", pack(column("step", values)), len(values))
    assert found.tolist() == values
    assert found.dtype == np.int64


def test_blocks_hold_what_the_rows_hold(writer: RunWriter, folder: Path) -> None:
    """Full blocks, rows after the last block, batches that end inside a block, and two optimizers in turn."""
    n = 3 * BLOCK_ROWS + 17
    values = [[NAN, INF, -INF, None, 1 / 3, 0.5][k % 6] for k in range(n)]
    rows = [StepRow(k + 1, k % 3 // 2, k / 10, 1, loss=values[k], lr=0.1) for k in range(n)]
    writer.write(Batch(optimizers=SGD[:2]))
    for start in range(0, n, 700):
        part = rows[start : start + 700]
        scalars = [MetricRow(row.step, "accuracy", row.time, row.time) for row in part]
        writer.write(Batch(steps=part, metrics=scalars))
    with open_run(folder) as reader:
        assert (
            reader._connection.execute("SELECT count(*) FROM block WHERE source = 'step'").fetchone()[0] > 0
        )
        for optimizer in (0, 1):
            own = [row for row in rows if row.optimizer == optimizer]
            kept = [row for row in own if row.loss is not None]
            series = reader.series("loss", optimizer, points=None)
            assert series.steps.tolist() == [row.step for row in kept]
            assert same(series.values.tolist(), [row.loss for row in kept])
            assert reader.series("time", optimizer, points=None).steps.tolist() == [row.step for row in own]
        assert reader.metric("accuracy", points=None).values.tolist() == [k / 10 for k in range(n)]
        assert len(reader.series("loss", points=None)) == len(
            [row for row in rows if row.optimizer == 0 and row.loss is not None]
        )


def test_records_come_back(writer: RunWriter, folder: Path) -> None:
    optimizer = OptimizerInfo(
        0, "AdamW", {"lr": 0.1, "betas": [0.9, 0.999], "eps": NAN}, (0, 1), "train.py:3"
    )
    parameters = (
        ParameterInfo(0, "fc.weight", (3, 2), "Linear", 0),
        ParameterInfo(1, "b", (), "", None, False, False, False, False, 7, False),
    )
    activation = ActivationInfo(0, "relu after fc.weight", "relu", 3)
    consequence = Finding("lr-too-low", "warning", "slow", "raise it", because=("missing-step",))
    finding = Finding(
        "missing-step", "error", "never stepped", "call step", 4, {"loss": INF}, "train.py:9: x = 1", 0.5,
        ("a",), (consequence,),
    )  # fmt: skip
    writer.write(
        Batch(
            optimizers=[optimizer],
            parameters=parameters,
            activations=[activation],
            findings=[finding, consequence],
            run={"backwards": 12, "environment": {"torch": "2.13", "seed": 1}},
        )
    )
    with open_run(folder) as reader:
        assert same(reader.optimizers()[0].settings, optimizer.settings)
        assert reader.optimizers()[0].parameters == (0, 1)
        assert reader.parameters() == parameters
        assert reader.activations() == (activation,)
        assert reader.findings() == (finding, consequence)
        assert reader.run().environment == {"torch": "2.13", "seed": 1}
        assert reader.run().backwards == 12
    writer.write(Batch(findings=[]))
    with open_run(folder) as reader:
        assert reader.findings() == ()
        assert reader.parameters() == parameters


def test_facts_are_updated_in_place(writer: RunWriter, folder: Path) -> None:
    loss = LossCall("train.py:6", 1, input=Spread(0.0, 1.0, NAN, 0.1), chain=("AddmmBackward0",))
    writer.write(Batch(facts=[Calls(step=1, steps=1), loss]))
    writer.write(Batch(facts=[Calls(step=5, steps=np.int64(5))]))
    with open_run(folder) as reader:
        first, second = reader.facts()
    assert first == Calls(step=5, steps=5)
    assert isinstance(second, LossCall)
    assert second.input is not None
    assert math.isnan(second.input.mean)
    assert replace(second, input=loss.input) == loss


def test_only_changed_settings_are_kept(writer: RunWriter, folder: Path) -> None:
    def settings_at(step: int, momentum: float) -> Batch:
        rows = [("momentum", momentum), ("betas", (0.9, 0.99))]
        return Batch(hyperparameters=[HyperparameterRow(step, 0, 1, name, value) for name, value in rows])

    for step, momentum in ((1, 0.9), (2, 0.9), (3, 0.5), (4, NAN), (5, NAN)):
        writer.write(settings_at(step, momentum))
    with open_run(folder) as reader:
        found = [(row.step, row.group, row.name, row.value) for row in reader.hyperparameters()]
    assert same(
        found,
        [
            (1, 1, "momentum", 0.9),
            (1, 1, "betas", [0.9, 0.99]),
            (3, 1, "momentum", 0.5),
            (4, 1, "momentum", NAN),
        ],
    )


def test_layers_grow_and_short_rows_end_in_nan(writer: RunWriter, folder: Path) -> None:
    rows = [[1.0], [NAN, INF], [3.0, 4.0, 1e300]]
    writer.write(
        Batch(
            parameters=[ParameterInfo(k, f"p{k}", (1,)) for k in range(4)],
            layers=[LayerRow(k, 0, "parameter", "grad_norm", np.array(row)) for k, row in enumerate(rows)],
        )
    )
    with open_run(folder) as reader:
        found = reader.layers("parameter", "grad_norm")
        assert np.array_equal(
            reader.history().parameter_layer("grad_norm").values, found.values, equal_nan=True
        )
        assert reader.layers("activation", "mean").values.shape == (0, 0)
    expected = [[1, NAN, NAN, NAN], [NAN, INF, NAN, NAN], [3, 4, INF, NAN]]
    assert np.array_equal(found.values, expected, equal_nan=True)
    assert found.steps.tolist() == [0, 1, 2]
    assert found.optimizers.tolist() == [0, 0, 0]


def test_history_holds_everything(writer: RunWriter, folder: Path) -> None:
    writer.write(
        Batch(
            optimizers=SGD[:2],
            parameters=[ParameterInfo(0, "w", (2,))],
            activations=[ActivationInfo(0, "relu", "relu", 2)],
            steps=[StepRow(1, 0, 0.1, 2, 2.5, 1.0, 0.1), StepRow(2, 1, 0.2, 1, 3.5), StepRow(3, 1, 0.3, 1)],
            metrics=[MetricRow(3, "b", 1.0, 0.3), MetricRow(1, "a", 2.0, 0.3), MetricRow(2, "b", 0.5, 0.3)],
            layers=[LayerRow(1, 0, "activation", "mean", np.array([0.25], np.float32))],
            facts=[Calls(step=3, steps=3)],
        )
    )
    with open_run(folder) as reader:
        history = reader.history()
        assert reader.metric_names == ("b", "a")
    assert history.main == 1
    assert history.series("loss", 0).values.tolist() == [2.5]
    assert history.series("loss").values.tolist() == [3.5]
    assert len(history.series("clip_factor")) == 0
    assert history.series("micro_steps", 0).values.tolist() == [2.0]
    assert history.metric("b").steps.tolist() == [2, 3]
    assert list(history.metrics) == ["b", "a"]
    assert history.activation_layer("mean").values.tolist() == [[0.25]]
    assert history.fact(Calls) == Calls(step=3, steps=3)
    assert history.run.steps == 3


@pytest.mark.parametrize("odd", ["caf\udce9.py", "with\x00nul", "naïve \U0001f9ad", "'; DROP TABLE run; --"])
def test_odd_text(tmp_path: Path, odd: str) -> None:
    writer = RunWriter(tmp_path)
    folder = writer.create(
        Run(path="", name="", script="t.py", source=odd, argv=(odd,), environment={odd: odd})
    )
    writer.write(Batch(metrics=[MetricRow(1, "loss/'\"", 1.0, 0.1)], facts=[Calls(odd, first_backward=odd)]))
    writer.finish("failed", 1, error=f"ValueError: {odd}")
    with open_run(folder) as reader:
        run = reader.run()
        assert run.argv == (odd,)
        assert run.environment == {odd: odd}
        assert run.source == odd.replace("\udce9", "\\udce9")
        assert run.error == f"ValueError: {run.source}"
        assert reader.facts()[0].data["first_backward"] == odd
        assert reader.metric("loss/'\"").values.tolist() == [1.0]


@pytest.mark.parametrize(
    ("batch", "error"),
    [
        (Batch(run={"status": "finished"}), SettingError),
        (Batch(run={"path = ''; --": 1}), SettingError),
        (Batch(steps=[StepRow("one", 0, 0.1, 1)]), StoreError),  # type: ignore[arg-type]
        (Batch(steps=[StepRow(np.int64(1), 0, 0.1, 1)]), StoreError),  # type: ignore[arg-type]
        (Batch(metrics=[MetricRow(1, "a", "b", 0.1)]), StoreError),  # type: ignore[arg-type]
        (Batch(metrics=[MetricRow(2**70, "a", 0.0, 0.1)]), StoreError),
        (Batch(metrics=[MetricRow(1, "\udce9", 0.0, 0.1)]), StoreError),
    ],
)
def test_a_bad_batch_is_refused_whole(writer: RunWriter, folder: Path, batch: Batch, error: Any) -> None:
    batch.facts = [Calls(step=1)]
    with pytest.raises(error):
        writer.write(batch)
    writer.write(Batch(steps=[StepRow(1, 0, 0.1, 1, loss=2.0)]))
    with open_run(folder) as reader:
        assert reader.facts() == ()
        assert reader.metric_names == ()
        assert reader.series("loss", 0).values.tolist() == [2.0]


def test_how_a_run_ended(writer: RunWriter, folder: Path) -> None:
    with open_run(folder) as reader:
        before = reader.run()
    assert (before.status, before.exit_code, before.ended) == ("running", None, None)
    assert before.heartbeat is not None
    assert before.heartbeat >= before.started > 0
    writer.finish("failed", 3, "ValueError: no")
    writer.finish("finished", 0)
    with open_run(folder) as reader:
        after = reader.run()
    assert (after.status, after.exit_code, after.error) == ("failed", 3, "ValueError: no")
    assert after.ended is not None
    assert after.ended >= after.started
    assert [file.name for file in folder.iterdir()] == ["run.db"]
    with pytest.raises(StoreError, match="not open for writing"):
        writer.write(Batch())
