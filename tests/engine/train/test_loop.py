"""The training loop: resumable to the bit, stoppable, and the same on two processes as on one."""

import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("torch")

import torch
from numpy.random import Generator
from torch import Tensor, nn

from liveface.engine import checkpoint
from liveface.engine.errors import CheckpointError, ConfigurationError
from liveface.engine.train import loop

SETTINGS = loop.Settings(steps=12, average_decay=0.9, report_every=3, save_every=5)


def new_state(width: int = 6) -> loop.TrainingState:
    torch.manual_seed(7)
    network = nn.Sequential(nn.Linear(4, width), nn.BatchNorm1d(width), nn.GELU(), nn.Dropout(0.2), nn.Linear(width, 1))
    return loop.TrainingState({"net": network}, {"fit": torch.optim.AdamW(network.parameters(), 0.02)})


def draw(generator: Generator) -> tuple[Tensor, Tensor]:
    inputs = torch.from_numpy(generator.standard_normal((16, 4)).astype(np.float32))
    return inputs, inputs.sum(1, keepdim=True)


def fit(state: loop.TrainingState):
    return {"fit": lambda batch: nn.functional.mse_loss(state.networks["net"](batch[0]), batch[1])}


def same(a: loop.TrainingState, b: loop.TrainingState) -> bool:
    first, second = a.networks["net"].state_dict(), b.networks["net"].state_dict()
    return all(torch.equal(first[name], second[name]) for name in first) and all(
        torch.equal(a.averages[name], b.averages[name]) for name in a.averages
    )


def test_training_lowers_the_loss_and_reports_it():
    state, reports = new_state(), []
    settings = loop.Settings(steps=150, report_every=10)
    loop.train(state, draw, fit(state), settings, progress=lambda step, losses: reports.append((step, losses["fit"])))
    assert [step for step, _ in reports] == [1, *range(10, 151, 10)]
    assert reports[-1][1] < 0.4 * reports[0][1]


def test_a_resumed_run_equals_an_uninterrupted_one_to_the_bit(tmp_path: Path):
    whole = new_state()
    loop.train(whole, draw, fit(whole), SETTINGS)

    file = tmp_path / "run.safetensors"
    first = new_state()

    def draw_until_interrupted(generator: Generator) -> tuple[Tensor, Tensor]:
        if first.step == 6:
            signal.raise_signal(signal.SIGINT)
        return draw(generator)

    with pytest.raises(KeyboardInterrupt):
        loop.train(first, draw_until_interrupted, fit(first), SETTINGS, file)
    assert first.step == 7
    torch.manual_seed(99)
    second = new_state()
    loop.train(second, draw, fit(second), SETTINGS, file)
    assert second.step == 12
    assert same(whole, second)
    assert not same(whole, first)


def test_the_interrupt_handlers_are_put_back():
    before = signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM)
    state = new_state()
    loop.train(state, draw, fit(state), loop.Settings(steps=1))
    assert (signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM)) == before


def test_a_finished_run_takes_no_further_step(tmp_path: Path):
    file = tmp_path / "run.safetensors"
    state = new_state()
    loop.train(state, draw, fit(state), SETTINGS, file)
    again = new_state()
    loop.train(again, lambda generator: pytest.fail("drew a batch"), fit(again), SETTINGS, file)
    assert same(state, again)


def test_a_loss_that_is_not_finite_stops_with_a_clear_error_and_keeps_the_last_good_state(tmp_path: Path):
    file = tmp_path / "run.safetensors"
    state = new_state()

    def damaged(generator: Generator) -> tuple[Tensor, Tensor]:
        inputs, targets = draw(generator)
        return inputs, targets * (np.nan if state.step == 6 else 1.0)

    with pytest.raises(ConfigurationError, match=r"fit loss is nan .* at step 7.*learning rate"):
        loop.train(state, damaged, fit(state), SETTINGS, file)
    kept = new_state()
    kept.load(file)
    assert kept.step == 5
    assert all(bool(torch.isfinite(value).all()) for value in kept.weights("net").values())


def test_a_state_of_another_size_is_refused(tmp_path: Path):
    file = tmp_path / "run.safetensors"
    new_state().save(file)
    with pytest.raises(CheckpointError, match="another size"):
        new_state(width=5).load(file)


def test_a_state_goes_on_with_its_own_options_only(tmp_path: Path):
    file = tmp_path / "run.safetensors"
    first = new_state()
    first.told = {"seed": 1, "shares": (0.5, 0.5)}
    first.save(file)
    same_again = new_state()
    same_again.told = {"seed": 1, "shares": (0.5, 0.5)}
    same_again.load(file)
    other = new_state()
    other.told = {"seed": 2, "shares": (0.5, 0.5), "strength": 1.0}
    with pytest.raises(CheckpointError, match=r"other options \(seed was 1, now 2; strength was None, now 1.0\): give"):
        other.load(file)


def test_finished_weights_are_no_interrupted_run(tmp_path: Path):
    file = tmp_path / "model.safetensors"
    checkpoint.save(file, {"net.weight": np.zeros(3, np.float32)}, {}, {})
    with pytest.raises(CheckpointError, match="interrupted training run"):
        new_state().load(file)


def test_two_objectives_step_their_own_optimisers_in_turn():
    generator_net, critic = nn.Linear(2, 1), nn.Linear(1, 1)
    state = loop.TrainingState(
        {"generator": generator_net, "critic": critic},
        {
            "critic": torch.optim.SGD(critic.parameters(), 0.1),
            "generator": torch.optim.SGD(generator_net.parameters(), 0.0),
        },
    )
    before = generator_net.weight.detach().clone(), critic.weight.detach().clone()
    objectives = {
        "critic": lambda batch: critic(generator_net(batch).detach()).mean(),
        "generator": lambda batch: -critic(generator_net(batch)).mean(),
    }
    loop.train(state, lambda rng: torch.ones(3, 2), objectives, loop.Settings(steps=2))
    assert torch.equal(generator_net.weight, before[0])
    assert not torch.equal(critic.weight, before[1])


@pytest.mark.parametrize("step", [0, 10, 24, 25, 60, 99])
def test_the_rate_rises_to_one_at_the_end_of_the_warm_up_and_falls_after(step: int):
    settings = loop.Settings(steps=100)
    assert settings.rate(25) == pytest.approx(1.0)
    assert settings.rate(0) == pytest.approx(0.04)
    assert settings.end <= settings.rate(step) <= 1.0
    assert (settings.rate(step + 1) > settings.rate(step)) == (step < 25)


def test_the_average_follows_the_weights_and_is_what_is_kept():
    state = new_state()
    loop.train(state, draw, fit(state), SETTINGS)
    kept, live = state.weights("net"), state.networks["net"].state_dict()
    assert not torch.equal(kept["0.weight"], live["0.weight"])
    assert torch.allclose(kept["0.weight"], live["0.weight"], atol=0.2)
    assert torch.equal(kept["1.running_mean"], live["1.running_mean"])


def test_an_unknown_device_is_refused():
    with pytest.raises(ConfigurationError, match="expected auto, cpu or cuda"), loop.take_place("tpu"):
        pass


WORKER = """
import sys
import numpy as np, torch
from torch import nn
from liveface.engine.train import loop
torch.set_num_threads(1)
network = nn.Linear(4, 1)
state = loop.TrainingState({"net": network}, {"fit": torch.optim.SGD(network.parameters(), 0.1)})
def draw(generator):
    return torch.from_numpy(generator.standard_normal((8, 4)).astype(np.float32))
with loop.take_place("cpu") as place:
    nn.init.constant_(network.weight, 0.5 + place.rank)
    nn.init.constant_(network.bias, 0.1)
    losses = {"fit": lambda x: nn.functional.mse_loss(network(x), x.sum(1, keepdim=True))}
    loop.train(state, draw, losses, loop.Settings(steps=5, clip_norm=100.0), place=place)
np.save(sys.argv[1] + f"/{place.rank}.npy", np.append(network.weight.detach().numpy(), network.bias.detach().numpy()))
"""


def test_two_processes_step_like_one_with_both_batches(tmp_path: Path):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    script = tmp_path / "worker.py"
    script.write_text(WORKER)
    shared = {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port), "WORLD_SIZE": "2", "PYTHONPATH": str(Path.cwd())}
    processes = [
        subprocess.Popen(
            [sys.executable, str(script), str(tmp_path)],
            env=os.environ | shared | {"RANK": str(rank), "LOCAL_RANK": str(rank), "GLOO_SOCKET_IFNAME": "lo"},
        )
        for rank in range(2)
    ]
    assert [process.wait(timeout=60) for process in processes] == [0, 0]

    network = nn.Linear(4, 1)
    nn.init.constant_(network.weight, 0.5)
    nn.init.constant_(network.bias, 0.1)
    optimiser = torch.optim.SGD(network.parameters(), 0.1)
    settings = loop.Settings(steps=5)
    for step in range(5):
        optimiser.param_groups[0]["lr"] = 0.1 * settings.rate(step)
        optimiser.zero_grad()
        for rank in range(2):
            generator = np.random.default_rng((0, step, rank))
            generator.integers(2**63)
            x = torch.from_numpy(generator.standard_normal((8, 4)).astype(np.float32))
            (nn.functional.mse_loss(network(x), x.sum(1, keepdim=True)) / 2).backward()
        optimiser.step()
    expected = np.append(network.weight.detach().numpy(), network.bias.detach().numpy())
    first, second = np.load(tmp_path / "0.npy"), np.load(tmp_path / "1.npy")
    assert np.array_equal(first, second)
    np.testing.assert_allclose(first, expected, rtol=1e-5)
