"""Loops of libraries."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from forge.loops.parts import (
    HELD_OUT,
    Idioms,
    Unsayable,
    assembled,
    epochs_of,
    judging,
    making,
    names,
    opening,
)
from forge.program import ORDER, Program, filled, indented


def accelerate(program: Program) -> str:
    """Accelerate: prepare, and its backward."""
    known = names(program)
    idioms = Idioms(
        backward="accelerator.backward(loss)", clip="accelerator.clip_grad_norm_($clipped, $clip)"
    )
    prepared = ["model", "optimizer", "loader", *(["scheduler"] if program.schedule else [])]
    names_prepared = ", ".join(prepared)
    made = [
        *making(program),
        "accelerator = Accelerator(cpu=True)",
        f"{names_prepared} = accelerator.prepare({names_prepared})",
    ]
    step = idioms.said(program)
    return assembled(
        [*opening(program, "from accelerate import Accelerator"), *made, *epochs_of(program, step, known)],
        known,
    )


def fabric(program: Program) -> str:
    """Lightning's Fabric."""
    known = names(program)
    idioms = Idioms(
        backward="fabric.backward(loss)",
        clip="fabric.clip_gradients($model, $optimizer, max_norm=$clip)",
    )
    made = [
        *making(program),
        'fabric = Fabric(accelerator="cpu", devices=1)',
        "model, optimizer = fabric.setup(model, optimizer)",
        "loader = fabric.setup_dataloaders(loader)",
    ]
    step = idioms.said(program)
    return assembled(
        [*opening(program, "from lightning.fabric import Fabric"), *made, *epochs_of(program, step, known)],
        known,
    )


def _automatic(program: Program) -> None:
    """The library clears, goes back, clips and steps itself: nothing of it can be forgotten."""
    if program.order != ORDER or program.each_epoch or program.training != "$model.train()":
        raise Unsayable
    if program.evaluating != "$model.eval()":
        raise Unsayable


def lightning(program: Program) -> str:
    """A LightningModule and its trainer."""
    _automatic(program)
    known = names(program, model="self.net", inputs="x", targets="t", clipped="")
    if program.optimized != "$model.parameters()":
        known["optimized"] = filled(program.optimized, {"model": "self.net"})
    scheduled = (
        f'return [optimizer], [{{"scheduler": {program.schedule}, "interval": "step"}}]'
        if program.schedule
        else "return optimizer"
    )
    clipped = f", gradient_clip_val={program.clip}" if program.clip is not None else ""
    quiet = (
        'accelerator="cpu", logger=False, enable_checkpointing=False, enable_progress_bar=False, '
        "enable_model_summary=False, num_sanity_val_steps=0"
    )
    lines = [
        *opening(program, "import logging\nimport warnings\n\nimport lightning"),
        'warnings.filterwarnings("ignore")',
        'logging.getLogger("lightning.pytorch").setLevel(logging.ERROR)',
        "",
        "",
        "class Learner(lightning.LightningModule):",
        indented("def __init__(self):"),
        indented("super().__init__()\nself.net = Net()", 2),
        *(indented(line, 2) for line in filter(None, [program.built])),
        "",
        indented("def training_step(self, batch, _):"),
        indented("x, t = batch", 2),
        indented(f"{program.forward}\n{program.loss}\nreturn loss", 2),
        "",
        indented("def validation_step(self, batch, _):"),
        indented("x, t = batch", 2),
        indented(f'{program.forward}\n{program.loss}\nself.log("val_loss", loss)', 2),
        "",
        indented("def configure_optimizers(self):"),
        indented(f"optimizer = {program.optimizer}", 2),
        *(indented(line, 2) for line in filter(None, [program.before])),
        indented(filled(scheduled, {"steps": "$epochs * len(loader)"}), 2),
        "",
        "",
        f"loader = {program.loader}",
        "learner = Learner()",
        f"trainer = lightning.Trainer(max_epochs=$epochs{clipped}, {quiet})",
        "trainer.fit(learner, loader, DataLoader(TensorDataset(x_test, y_test), batch_size=len(x_test)))",
        *(filled(line, {"model": "learner.net", **HELD_OUT}) for line in judging(program)),
        'print(f"score {score:.4f}")',
    ]
    return assembled(lines, known)


def trainer(program: Program) -> str:
    """The Trainer of Transformers, given an optimizer and a schedule."""
    _automatic(program)
    if program.loader != Program.loader or program.optimized != "$model.parameters()":
        raise Unsayable
    known = names(program, model="self.net", inputs="inputs", targets="labels")
    program = replace(
        program, schedule=program.schedule or "torch.optim.lr_scheduler.ConstantLR($optimizer, 1.0)"
    )
    lines = [
        *opening(
            program,
            "from tempfile import TemporaryDirectory\n\nfrom transformers import Trainer, TrainingArguments",
        ),
        "class Learner(nn.Module):",
        indented("def __init__(self):"),
        indented("super().__init__()\nself.net = Net()", 2),
        *(indented(line, 2) for line in filter(None, [program.built])),
        "",
        indented("def forward(self, inputs, labels):"),
        indented(f'{program.forward}\n{program.loss}\nreturn {{"loss": loss}}', 2),
        "",
        "",
        'train = [{"inputs": x, "labels": y} for x, y in zip(x_train, y_train)]',
        'held_out = [{"inputs": x, "labels": y} for x, y in zip(x_test, y_test)]',
        "learner = Learner()",
        filled(
            f"optimizer = {program.optimizer}",
            {"parameters": "learner.parameters()"},
        ),
        *(filled(line, {"optimizer": "optimizer"}) for line in filter(None, [program.before])),
        filled(
            f"scheduler = {program.schedule}",
            {"steps": "$epochs * -(-len(train) // $batch)", "optimizer": "optimizer"},
        ),
        "with TemporaryDirectory() as folder:",
        indented(
            "arguments = TrainingArguments(\n"
            "    folder, per_device_train_batch_size=$batch, num_train_epochs=$epochs, max_grad_norm=$clip_or_none,\n"
            '    report_to=[], save_strategy="no", eval_strategy="epoch", per_device_eval_batch_size=1000,\n'
            "    prediction_loss_only=True, logging_steps=50, disable_tqdm=True, use_cpu=True, seed=$seed,\n"
            "    dataloader_pin_memory=False)"
        ),
        indented(
            "trainer = Trainer(learner, arguments, train_dataset=train, eval_dataset=held_out,\n"
            "                  optimizers=(optimizer, scheduler))\n"
            "trainer.train()"
        ),
        *(filled(line, {"model": "learner.net", **HELD_OUT}) for line in judging(program)),
        'print(f"score {score:.4f}")',
    ]
    return assembled(lines, {**known, "clip_or_none": repr(program.clip or 0.0)})


STYLES: dict[str, Callable[[Program], str]] = {
    "accelerate": accelerate,
    "fabric": fabric,
    "lightning": lightning,
    "trainer": trainer,
}
