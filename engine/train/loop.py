"""The training loop that every network shares: schedule, gradient steps, running average, resumable state.

It knows neither the data nor the losses, which arrive as functions. Everything random in step k of rank r is drawn
from (seed, k, r), so a resumed run repeats an uninterrupted one to the bit and no generator needs storing.
Under torchrun the gradients are averaged over the processes; each draws its own batches.
"""

import json
import math
import os
import signal
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType
from typing import Any, TypeVar

import numpy as np
import torch
import torch.distributed as distributed
from numpy.random import Generator
from torch import Tensor, nn

from liveface.engine import checkpoint
from liveface.engine.errors import CheckpointError, ConfigurationError

Batch = TypeVar("Batch")
Progress = Callable[[int, dict[str, float]], None]  # finished steps, mean losses since the last report

_NAMES = ("network", "average", "optimiser")


@dataclass(frozen=True, slots=True)
class Settings:
    """How long and how fast to train.

    The rate of each optimiser group rises by a cosine from `start` to 1 times its own learning rate during the share
    `warm_up` of all steps, then falls by a cosine to `end` times it: one-cycle as it stands; `warm_up=0.02` makes it
    the plain cosine schedule. `average_decay` 0 keeps no running average of the weights. `until`: a step after which
    the training ends early, in the middle of the schedule.
    """

    steps: int
    seed: int = 0
    warm_up: float = 0.25
    start: float = 0.04
    end: float = 1e-3
    clip_norm: float = 1.0
    average_decay: float = 0.0
    report_every: int = 20
    save_every: int = 500
    until: int | None = None

    @property
    def last_step(self) -> int:
        """The step with which the training ends."""
        return self.steps if self.until is None else min(self.until, self.steps)

    def rate(self, step: int) -> float:
        """Factor on the learning rate of step `step` (0-based)."""
        risen = self.warm_up * self.steps
        if step < risen:
            low, share = self.start, 1.0 - step / risen
        else:
            low, share = self.end, (step - risen) / max(self.steps - risen, 1.0)
        return low + (1.0 - low) * 0.5 * (1.0 + math.cos(math.pi * min(share, 1.0)))


@dataclass(frozen=True, slots=True)
class Rank:
    """Where this process stands among the training processes."""

    rank: int = 0
    count: int = 1
    device: torch.device = field(default_factory=lambda: torch.device("cpu"))

    @classmethod
    def current(cls) -> "Rank":
        """The place of this process in the group that it has joined; that of a process alone without one."""
        if not distributed.is_initialized():
            return cls()
        on_gpu = distributed.get_backend() == "nccl"
        here = torch.device("cuda", torch.cuda.current_device()) if on_gpu else torch.device("cpu")
        return cls(distributed.get_rank(), distributed.get_world_size(), here)

    @property
    def leads(self) -> bool:
        """Whether this process writes files and reports progress."""
        return self.rank == 0

    def wait(self) -> None:
        """Go on when every process has come here."""
        if self.count > 1:
            distributed.barrier()


@contextmanager
def take_place(device: str = "auto") -> Iterator[Rank]:
    """Join the process group that torchrun describes in the environment, or stand alone.

    `device`: "auto" (a GPU where there is one), "cpu" or "cuda". Raises `ConfigurationError` for a GPU that is absent.
    """
    if device not in ("auto", "cpu", "cuda"):
        raise ConfigurationError(f"The training device is {device!r}, expected auto, cpu or cuda.")
    if device == "cuda" and not torch.cuda.is_available():
        raise ConfigurationError("No CUDA GPU is usable here: train with --device cpu.")
    chosen = "cuda" if device != "cpu" and torch.cuda.is_available() else "cpu"
    if "RANK" not in os.environ:
        yield Rank(device=torch.device(chosen))
        return
    if chosen == "cuda":
        torch.cuda.set_device(int(os.environ["LOCAL_RANK"]))
    distributed.init_process_group("nccl" if chosen == "cuda" else "gloo")
    try:
        yield Rank.current()
    finally:
        distributed.destroy_process_group()


@dataclass(slots=True, eq=False)
class TrainingState:
    """Everything that a run changes: networks, optimisers (one per objective, same names), average, finished steps.

    `told`: the options of the run, as JSON values; they are saved, and a run with others does not go on from it.
    """

    networks: Mapping[str, nn.Module]
    optimisers: Mapping[str, torch.optim.Optimizer]
    step: int = 0
    averages: dict[str, Tensor] = field(default_factory=dict)  # by "<network>.<parameter>", empty without an average
    told: Mapping[str, Any] = field(default_factory=dict)

    def weights(self, network: str) -> dict[str, Tensor]:
        """The weights to keep of one network: averaged where an average is held, on the CPU."""
        state = self.networks[network].state_dict()
        return {name: self.averages.get(f"{network}.{name}", value).detach().cpu() for name, value in state.items()}

    def save(self, path: Path) -> None:
        """Write the whole state to one safetensors file, atomically; raises `OutputError`."""
        tensors: dict[str, Tensor] = {}
        for network, module in self.networks.items():
            tensors |= {f"network.{network}.{name}": value for name, value in module.state_dict().items()}
        tensors |= {f"average.{name}": value for name, value in self.averages.items()}
        for name, optimiser in self.optimisers.items():
            for index, values in optimiser.state_dict()["state"].items():
                tensors |= {f"optimiser.{name}.{index}.{key}": v for key, v in values.items() if v is not None}
        arrays = {name: tensor.detach().cpu().numpy() for name, tensor in tensors.items()}
        checkpoint.save(path, arrays, {"training_step": self.step, "options": dict(self.told)}, {})

    def load(self, path: Path) -> None:
        """Continue from a saved state; raises `CheckpointError` if it belongs to other networks or to other options."""
        saved = checkpoint.load(path)
        if "training_step" not in saved.configuration:
            raise CheckpointError(f"{path} holds finished weights, expected an interrupted training run.")
        require_same_options(path, saved.configuration, self.told)
        parts: dict[str, dict[str, Tensor]] = {name: {} for name in _NAMES}
        for name, array in saved.tensors.items():
            kind, _, rest = name.partition(".")
            parts[kind][rest] = torch.from_numpy(array)
        try:
            for network, module in self.networks.items():
                module.load_state_dict(_under(parts["network"], network))
            for name, optimiser in self.optimisers.items():
                state: dict[int, dict[str, Any]] = {}
                for key, value in _under(parts["optimiser"], name).items():
                    index, _, entry = key.partition(".")
                    state.setdefault(int(index), {})[entry] = value
                optimiser.load_state_dict({"state": state, "param_groups": optimiser.state_dict()["param_groups"]})
        except (RuntimeError, ValueError, KeyError) as error:
            raise CheckpointError(
                f"{path} belongs to networks of another size: restore their settings, or delete it to start anew."
            ) from error
        self.averages = {
            name: value.to(next(self.networks[name.partition(".")[0]].parameters()).device)
            for name, value in parts["average"].items()
        }
        self.step = int(saved.configuration["training_step"])


def require_same_options(path: Path, saved: Mapping[str, Any], told: Mapping[str, Any]) -> None:
    """Raise `CheckpointError` unless the state of a training, with this configuration, was begun with these options."""
    begun = saved.get("options", {})
    asked = json.loads(json.dumps(dict(told)))  # as it comes back from a file: tuples are lists
    odd = [name for name in sorted({*begun, *asked}) if begun.get(name) != asked.get(name)]
    if odd:
        differences = "; ".join(f"{name} was {begun.get(name)}, now {asked.get(name)}" for name in odd)
        raise CheckpointError(
            f"{path} was begun with other options ({differences}): give the same ones, or delete it to start anew."
        )


def train(
    state: TrainingState,
    draw: Callable[[Generator], Batch],
    objectives: Mapping[str, Callable[[Batch], Tensor]],
    settings: Settings,
    file: Path | None = None,
    progress: Progress | None = None,
    place: Rank | None = None,
) -> None:
    """Take the steps that are still missing.

    Each step draws one batch, then for every objective in order: computes its scalar loss, steps its optimiser.
    `file`: where the state is kept; if it exists the run continues from it. An interrupt (Ctrl-C, or torchrun's
    SIGTERM) saves after the current step and raises `KeyboardInterrupt`. Raises `ConfigurationError` when a loss
    ceases to be finite: the file then still holds the last good state.
    """
    assert list(objectives) == list(state.optimisers)
    place = place or Rank.current()
    if file is not None and file.is_file():
        state.load(file)
    _share(state, place)
    if settings.average_decay and not state.averages:
        state.averages = {name: value.detach().clone() for name, value in _parameters(state)}
    base_rates = {
        name: [group.setdefault("initial_lr", group["lr"]) for group in o.param_groups]
        for name, o in state.optimisers.items()
    }
    sums = dict.fromkeys(objectives, 0.0)
    counted = 0
    with _interrupts() as interrupted:
        while state.step < settings.last_step:
            generator = np.random.default_rng((settings.seed, state.step, place.rank))
            torch.manual_seed(int(generator.integers(2**63)))
            batch = draw(generator)
            stop = False
            for name, objective in objectives.items():
                optimiser = state.optimisers[name]
                for group, base in zip(optimiser.param_groups, base_rates[name], strict=True):
                    group["lr"] = base * settings.rate(state.step)
                optimiser.zero_grad(set_to_none=True)
                loss = objective(batch)
                loss.backward()  # type: ignore[no-untyped-call]
                parameters = [p for group in optimiser.param_groups for p in group["params"] if p.grad is not None]
                value, stop = _agree(loss, parameters, bool(interrupted), place)
                norm = nn.utils.clip_grad_norm_(parameters, settings.clip_norm)
                if not (math.isfinite(value) and math.isfinite(float(norm))):
                    raise ConfigurationError(
                        f"The {name} loss is {value} (gradient {float(norm)}) at step {state.step + 1}, expected "
                        "finite numbers: train at a lower learning rate, or remove damaged clips from the pack."
                    )
                optimiser.step()
                sums[name] += value
            state.step += 1
            counted += 1
            _follow(state, settings.average_decay)
            last = state.step == settings.last_step
            if (
                progress is not None
                and place.leads
                and (last or state.step == 1 or state.step % settings.report_every == 0)
            ):
                progress(state.step, {name: total / counted for name, total in sums.items()})
                sums, counted = dict.fromkeys(objectives, 0.0), 0
            if file is not None and (last or stop or state.step % settings.save_every == 0):
                _share_statistics(state, place)
                if place.leads:
                    state.save(file)
            if stop:
                raise KeyboardInterrupt


def _under(tensors: Mapping[str, Tensor], name: str) -> dict[str, Tensor]:
    """The entries `<name>.<rest>` by `<rest>`."""
    return {key.removeprefix(f"{name}."): value for key, value in tensors.items() if key.startswith(f"{name}.")}


def _parameters(state: TrainingState) -> Iterator[tuple[str, nn.Parameter]]:
    for network, module in state.networks.items():
        for name, parameter in module.named_parameters():
            yield f"{network}.{name}", parameter


def _follow(state: TrainingState, decay: float) -> None:
    """Move the running average towards the weights; early steps follow faster, so that the start is forgotten."""
    if decay:
        share = 1.0 - min(decay, state.step / (10.0 + state.step))
        for name, parameter in _parameters(state):
            state.averages[name].lerp_(parameter.detach(), share)


def _share(state: TrainingState, place: Rank) -> None:
    """Give every process the weights of the first."""
    if place.count > 1:
        for module in state.networks.values():
            for tensor in module.state_dict().values():
                distributed.broadcast(tensor, 0)


def _share_statistics(state: TrainingState, place: Rank) -> None:
    """Average the running statistics (floating-point buffers), which the gradients do not keep equal."""
    if place.count > 1:
        for module in state.networks.values():
            for buffer in module.buffers():
                if buffer.is_floating_point():
                    distributed.all_reduce(buffer)
                    buffer /= place.count


def _agree(loss: Tensor, parameters: list[nn.Parameter], interrupted: bool, place: Rank) -> tuple[float, bool]:
    """Average gradients and loss over the processes; all stop if one is interrupted."""
    if place.count == 1:
        return float(loss.detach()), interrupted
    gradients = [parameter.grad for parameter in parameters if parameter.grad is not None]
    ending = torch.stack([loss.detach().float(), loss.new_tensor(float(interrupted), dtype=torch.float32)])
    flat = torch.cat([*(gradient.flatten().float() for gradient in gradients), ending])
    distributed.all_reduce(flat)
    offset = 0
    for gradient in gradients:
        gradient.copy_(flat[offset : offset + gradient.numel()].view_as(gradient) / place.count)
        offset += gradient.numel()
    return float(flat[-2]) / place.count, bool(flat[-1] > 0)


@contextmanager
def _interrupts() -> Iterator[list[int]]:
    """Collect SIGINT and SIGTERM instead of dying from them; outside the main thread they stay as they are."""
    received: list[int] = []

    def remember(number: int, frame: FrameType | None) -> None:
        if received:
            raise KeyboardInterrupt  # asked twice: leave at once, without saving
        received.append(number)

    try:
        former = {number: signal.signal(number, remember) for number in (signal.SIGINT, signal.SIGTERM)}
    except ValueError:
        former = {}
    try:
        yield received
    finally:
        for number, handler in former.items():
            signal.signal(number, handler)
