"""Accelerate behind one door: device, processes, mixed precision. Loaded only when a training begins."""

from __future__ import annotations

import os
from contextlib import AbstractContextManager, nullcontext
from typing import Any

import torch
from torch import Tensor, nn
from torch.optim import Optimizer

from surefoot.errors import SettingError
from surefoot.extras import needed_for

PRECISIONS = ("no", "fp16", "bf16")
_NOTHING = nullcontext()


class Engine:
    """Device, processes and precision of one training.

    Args:
        mixed_precision: "no", "fp16" or "bf16"; None for what `accelerate launch` or the environment says.

    Attributes:
        device: Where this process computes.
        processes: How many processes train together.
        scaler: The GradScaler of fp16, else None.

    Raises:
        MissingExtra: Accelerate is not installed.
        SettingError: The precision is unknown, or this machine has not got it.
    """

    def __init__(self, mixed_precision: str | None = None) -> None:
        if mixed_precision is not None and mixed_precision not in PRECISIONS:
            raise SettingError(
                f"mixed_precision is {mixed_precision!r}: use {', '.join(map(repr, PRECISIONS))} or None."
            )
        with needed_for("trainings by fit"):
            import accelerate
            from accelerate.state import AcceleratorState
            from accelerate.utils import send_to_device
        self._send = send_to_device
        self._forward: dict[str, Any] = {}  # one that the user put on the model itself
        # Accelerate keeps the first precision of the process; a second training may want another.
        wanted = mixed_precision or os.environ.get("ACCELERATE_MIXED_PRECISION", "no")
        if AcceleratorState._shared_state and AcceleratorState().mixed_precision != wanted:
            AcceleratorState._reset_state()
        try:
            self._accelerator: Any = accelerate.Accelerator(
                mixed_precision=mixed_precision,
                step_scheduler_with_optimizer=False,
                # Without an accelerator Accelerate joins processes only if it is told that they are on the host.
                cpu=not torch.accelerator.is_available(),
            )
        except (ValueError, RuntimeError) as error:
            raise SettingError(f"mixed_precision={mixed_precision!r} cannot be had here: {error}.") from error
        # Asked for at every step.
        self.device: torch.device = self._accelerator.device
        self.processes = int(self._accelerator.num_processes)
        self.scaler: Any = self._accelerator.scaler

    @property
    def rank(self) -> int:
        """This process, from 0."""
        return int(self._accelerator.process_index)

    @property
    def precision(self) -> str:
        """ "no", "fp16" or "bf16"."""
        return str(self._accelerator.mixed_precision)

    @property
    def main(self) -> bool:
        """Whether this process writes and shows."""
        return bool(self._accelerator.is_main_process)

    def prepared(self, model: nn.Module, optimizer: Optimizer) -> tuple[nn.Module, Any]:
        """Model and optimizer made ready for device, processes and precision."""
        self._forward = {"forward": vars(model)["forward"]} if "forward" in vars(model) else {}
        if self.scaler is not None:
            both: tuple[nn.Module, Any] = self._accelerator.prepare(model, optimizer)
            return both
        # Accelerate's optimizer adds nothing without a loss scale, and costs as much as a small model's step.
        ready: nn.Module = self._accelerator.prepare(model)
        return ready, self.prepared_optimizer(optimizer)

    def prepared_optimizer(self, optimizer: Optimizer) -> Any:
        """An optimizer of a model that is ready, made ready too."""
        if self.scaler is not None:
            return self._accelerator.prepare(optimizer)
        if optimizer.state:
            optimizer.load_state_dict(optimizer.state_dict())  # follows the parameters to their device
        return optimizer

    def give_back(self, model: nn.Module) -> None:
        """Take mixed precision out of the user's own model, which was prepared in place."""
        for name in ("forward", "_original_forward"):
            vars(model).pop(name, None)
        vars(model).update(self._forward)

    def sent(self, batch: Any) -> Any:
        """A batch on the device."""
        return batch if self.device.type == "cpu" else self._send(batch, self.device, non_blocking=True)

    def backward(self, root: Tensor) -> None:
        """Backward with the loss scale of fp16."""
        (root if self.scaler is None else self.scaler.scale(root)).backward()

    def quiet(self, model: nn.Module, quiet: bool) -> AbstractContextManager[None]:
        """Backward without exchange between processes, for all micro-batches but the last."""
        if not quiet or self.processes == 1:
            return _NOTHING
        silence: AbstractContextManager[None] = self._accelerator.no_sync(model)
        return silence

    def unscale(self, optimizer: Any) -> None:
        """Take fp16's loss scale out of the gradients, before they are clipped."""
        if self.scaler is not None:
            self._accelerator.unscale_gradients(optimizer)

    def summed(self, values: Tensor) -> Tensor:
        """Sum over all processes, element by element."""
        if self.processes == 1:
            return values
        total: Tensor = self._accelerator.reduce(values, reduction="sum")
        return total

    def gathered(self, item: Any) -> list[Any]:
        """Any object of every process, in order of rank."""
        if self.processes == 1:
            return [item]
        from accelerate.utils import gather_object

        return list(gather_object([item]))

    def wait(self) -> None:
        """Wait for all processes."""
        self._accelerator.wait_for_everyone()
