"""The commands that make networks from recordings. They know which function trains what, and nothing of how."""

import json
import shutil
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Annotated, Literal

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from liveface.app.commands.ablate import ablate
from liveface.app.commands.assemble import assemble
from liveface.app.commands.prepare import MODELS
from liveface.app.commands.speech_folders import unfilmed_speech
from liveface.app.files import media_files
from liveface.engine import checkpoint
from liveface.engine.errors import CheckpointError

if TYPE_CHECKING:
    from torch import Tensor
    from torch.nn import Module

    from liveface.engine.model.au_classifier import ActionUnitClassifier
    from liveface.engine.train.loop import Rank
    from liveface.engine.train.prepare import Outcome

train = typer.Typer(no_args_is_help=True, help="Prepare a corpus and train the networks.")
train.command()(assemble)
train.command()(ablate)

Report = Callable[[int, dict[str, float]], None]  # finished steps, mean losses

Design = Literal["warp", "direct"]

Pack = Annotated[Path, typer.Option(help="A corpus prepared by `liveface train prepare`.")]
Steps = Annotated[int, typer.Option(min=1, help="Training steps in all, also of a run that is continued.")]
Seed = Annotated[int, typer.Option(help="The same seed and data give the same weights.")]
LeftOut = Annotated[list[str] | None, typer.Option("--leave-out", help="A speaker to keep for testing; repeatable.")]
Fold = Annotated[
    str, typer.Option(help="Learn from this fold of the corpus' cross-fit; the speakers of the others stay unknown.")
]
Device = Annotated[str, typer.Option(help="auto, cpu or cuda; several GPUs: torchrun -m liveface.app.cli train ...")]


@train.command()
def prepare(
    corpus: Annotated[Path, typer.Option(help="GRID, TCD-TIMIT, or a folder of <speaker>/<clip>.mp4.")],
    out: Annotated[Path, typer.Option(help="The pack's folder; an unfinished pack is continued.")],
    workers: Annotated[int, typer.Option(min=1, help="Processes.")] = 1,
    pictures: Annotated[bool, typer.Option(help="Keep the faces' pictures: all but motion need them.")] = True,
    phones: Annotated[bool, typer.Option(help="Label phones where the sentence is known.")] = True,
    source: Annotated[str, typer.Option(help="Name of the corpus, to be told with the weights.")] = "unnamed",
    licence: Annotated[str, typer.Option(help="Licence of the corpus, to be told with the weights.")] = "unknown",
) -> None:
    """Find faces, motion and phones in every clip of a corpus."""
    from liveface.engine.face.landmarks import FaceMesh
    from liveface.engine.train import split
    from liveface.engine.train.corpus import find_clips
    from liveface.engine.train.prepare import Provenance, Sources, prepare_pack

    aligner = None
    if phones:
        from liveface.engine.train.phones import Aligner

        aligner = Aligner
    clips = find_clips(corpus)
    sources = Sources(media_files.read_video, media_files.read_audio, partial(FaceMesh.load, MODELS), aligner)
    with _bar("clips", len(clips)) as bar:

        def finished(outcome: "Outcome") -> None:
            bar.advance(bar.task_ids[0])
            if outcome.fault:
                bar.console.print(f"left out {outcome.clip}: {outcome.fault}", soft_wrap=True, highlight=False)

        outcomes = prepare_pack(clips, sources, out, Provenance(source, licence), finished, workers, pictures)
    split.write(split.read(corpus, [(clip.speaker, clip.name) for clip in clips]), out)
    kept = sum(not outcome.fault for outcome in outcomes)
    print(f"{out}: {kept} clips of {len({clip.speaker for clip in clips})} speakers, {len(clips) - kept} left out")


@train.command()
def au_classifier(
    pack: Pack,
    out: Annotated[Path, typer.Option(help="The classifier's .safetensors file.")],
    steps: Steps = 3000,
    seed: Seed = 0,
    leave_out: LeftOut = None,
    device: Device = "auto",
) -> None:
    """Train the Action Unit classifier, which judges pictures and teaches the generator."""
    from liveface.engine.train import au_classifier
    from liveface.engine.train import picture_dataset as filmed
    from liveface.engine.train.loop import Settings, take_place

    with take_place(device) as place, _bar("steps", steps, place.leads) as bar:
        crops = filmed.labelled_crops(pack, leave_out or ())
        model = au_classifier.train(crops, Settings(steps, seed), _unfinished(out), _shown(bar), place)
        _keep(out, _named("au_classifier", model), {"au_classifier": {}}, pack, leave_out or (), steps, seed, place)


@train.command()
def sync(
    pack: Pack,
    out: Annotated[Path, typer.Option(help="The sync expert's .safetensors file.")],
    steps: Steps = 3000,
    seed: Seed = 0,
    leave_out: LeftOut = None,
    device: Device = "auto",
) -> None:
    """Train the sync expert, which measures how well lips follow the sound."""
    from liveface.engine.train import picture_dataset as filmed
    from liveface.engine.train import sync as training
    from liveface.engine.train.loop import Settings, take_place

    with take_place(device) as place, _bar("steps", steps, place.leads) as bar:
        clips = filmed.filmed_clips(pack, leave_out or ())
        model = training.train(clips, Settings(steps, seed), _unfinished(out), _shown(bar), place)
        _keep(out, _named("sync", model), {"sync": {}}, pack, leave_out or (), steps, seed, place)


@train.command()
def motion(
    pack: Pack,
    out: Annotated[Path, typer.Option(help="Folder for motion.safetensors.")],
    speech: Annotated[
        list[Path] | None,
        typer.Option(help="Transcribed speech (utterances.csv, phones.csv) to learn from; repeatable."),
    ] = None,
    encoded: Annotated[
        Path | None,
        typer.Option(help="Folder for what a pre-trained speech encoder makes of every recording, which then teaches."),
    ] = None,
    start: Annotated[
        Path | None, typer.Option("--from", help="A checkpoint whose motion network is trained on.")
    ] = None,
    fold: Fold = "",
    units: Annotated[
        Path | None, typer.Option("--unit-basis", help="A file of `train basis`; the shipped one without.")
    ] = None,
    steps: Steps = 2500,
    until: Annotated[
        int | None, typer.Option(min=1, help="Step after which to end, with the learning rate of a run of --steps.")
    ] = None,
    pretraining_steps: Annotated[int, typer.Option(min=1, help="Steps on phones alone, with --speech.")] = 1500,
    versions: Annotated[int, typer.Option(min=1, help="Voices in which rare speakers are heard.")] = 40,
    filmed_share: Annotated[
        float, typer.Option(min=0.0, max=1.0, help="Of what is heard: the most filmed speaker.")
    ] = 0.3,
    others_share: Annotated[
        float, typer.Option(min=0.0, max=1.0, help="Of what is heard: the other filmed speakers; the rest is unfilmed.")
    ] = 0.15,
    learning_rate: Annotated[float, typer.Option(min=0.0, help="The largest of the cycle.")] = 2e-3,
    seed: Seed = 0,
    leave_out: LeftOut = None,
    device: Device = "auto",
) -> None:
    """Train the motion network: sound to Action Units and mouth motion."""
    from liveface.engine.face import unit_basis
    from liveface.engine.train.loop import take_place
    from liveface.engine.train.motion import HearingOptions, train_motion

    left_out = _left_out(pack, fold, leave_out)
    options = HearingOptions(
        pretraining_steps=pretraining_steps,
        steps=steps,
        until=until,
        versions=versions,
        filmed_share=filmed_share,
        others_share=others_share,
        learning_rate=learning_rate,
        seed=seed,
    )
    matrix = None if units is None else unit_basis.load(units)
    with take_place(device) as place, _bar("steps", steps, place.leads) as bar:
        heard = [recording for folder in speech or () for recording in unfilmed_speech(folder)]
        shown = _shown(bar, {"phones": pretraining_steps, "visemes": options.viseme_steps})
        path = train_motion(pack, out, options, shown, heard, left_out, place, encoded, start, matrix)
    if place.leads:
        print(path)


@train.command()
def basis(
    pack: Pack,
    out: Annotated[Path, typer.Option(help="The basis' .npz file.")],
    fold: Fold = "",
    leave_out: LeftOut = None,
) -> None:
    """Fit how Action Units move a mouth, by people to learn from alone."""
    from liveface.engine.face import face_space, unit_basis
    from liveface.engine.train.speech_dataset import codes_by_speaker

    codes = codes_by_speaker(pack, _left_out(pack, fold, leave_out))
    matrix = unit_basis.fit(codes, face_space.basis())
    unit_basis.save(out, matrix, sorted(codes))
    explained = unit_basis.explained(matrix, codes, face_space.basis())
    print(f"{out}: units explain {100 * explained:.1f} % of the lips' motion of {len(codes)} people")


def _left_out(pack: Path, fold: str, leave_out: Collection[str] | None) -> set[str]:
    """Who must stay unknown."""
    from liveface.engine.train import split

    return {*(leave_out or ()), *(split.read(pack).strangers(fold) if fold else ())}


@train.command()
def average(
    first: Annotated[Path, typer.Argument(help="A checkpoint that holds a motion network.")],
    second: Annotated[Path, typer.Argument(help="Another, trained on from the same beginnings.")],
    out: Annotated[Path, typer.Option(help="Folder for motion.safetensors.")],
    share: Annotated[float, typer.Option(min=0.0, max=1.0, help="Of the second one in the mean.")] = 0.5,
    unit: Annotated[
        list[str] | None,
        typer.Option(help="How many times as far an Action Unit moves the mouth, as in 18=1.3; repeatable."),
    ] = None,
) -> None:
    """Write the mean of the weights of two motion networks."""
    from liveface.app.settings import parse_units
    from liveface.engine.train.motion import average_motion

    print(average_motion(first, second, share, out, parse_units(unit or [])))


@train.command()
def rest(
    portraits: Annotated[Path, typer.Option(help="A folder of photos, most of them of faces at rest.")],
    out: Annotated[Path, typer.Option(help="Folder for rest_mouth.npz.")],
) -> None:
    """Learn what a mouth at rest looks like on a face, so that smiles can be taken back."""
    from liveface.engine.face.landmarks import FaceMesh
    from liveface.engine.train import picture_dataset, rest_mouth

    faces = picture_dataset.portraits(portraits, FaceMesh.load(MODELS))
    print(rest_mouth.write(rest_mouth.fit([face.points for face in faces]), out))


@train.command()
def generator(
    pack: Pack,
    out: Annotated[Path, typer.Option(help="The generator's .safetensors file.")],
    portraits: Annotated[Path | None, typer.Option(help="A folder of photos: more faces than a corpus has.")] = None,
    au_classifier: Annotated[
        Path | None, typer.Option(help="A trained Action Unit classifier, which then judges the pictures.")
    ] = None,
    examples: Annotated[int, typer.Option(min=1, help="Pairs of pictures to cut, once, before training.")] = 12000,
    design: Annotated[Design, typer.Option(help="warp: finish what geometry draws; direct: paint it all.")] = "warp",
    batch: Annotated[int, typer.Option(min=2, help="Examples in a step.")] = 16,
    reduced: Annotated[
        bool, typer.Option("--reduced/--exact", help="Convolve in bfloat16, which some processors do twice as fast.")
    ] = False,
    steps: Steps = 12000,
    seed: Seed = 0,
    leave_out: LeftOut = None,
    device: Device = "auto",
) -> None:
    """Train the generator with its identity encoder and frame discriminator."""
    from liveface.engine.train import generator as drawing
    from liveface.engine.train.loop import Settings, take_place

    options = drawing.Options(design=design, batch=batch, reduced=reduced)
    settings = Settings(steps, seed, warm_up=0.05, average_decay=0.995)
    cut = out.with_suffix(".examples")
    with take_place(device) as place:
        if place.leads and not (cut / "told.npy").is_file():
            with _bar("examples", examples) as bar:
                _cut_examples(pack, portraits, leave_out or (), cut, examples, seed, bar)
        place.wait()
        judge = None if au_classifier is None else _read_classifier(au_classifier)
        with _bar("steps", steps, place.leads) as bar:
            samples = drawing.Samples([cut])
            _, state = drawing.train(samples, judge, settings, options, _unfinished(out), _shown(bar), place)
        weights = {f"{name}.{key}": v for name in state.networks for key, v in state.weights(name).items()}
        _keep(out, weights, {"generator": {"design": design}}, pack, leave_out or (), steps, seed, place)
        if place.leads:
            shutil.rmtree(cut)


def _cut_examples(
    pack: Path, portraits: Path | None, left_out: Collection[str], out: Path, count: int, seed: int, bar: Progress
) -> None:
    from liveface.engine.face.landmarks import FaceMesh
    from liveface.engine.train import picture_dataset as filmed
    from liveface.engine.train.mouth_samples import cut_samples

    mesh = FaceMesh.load(MODELS)
    faces = [] if portraits is None else list(filmed.portraits(portraits, mesh))
    films, codes = filmed.films(pack, left_out), filmed.codes(pack, left_out)
    cut_samples(
        films, faces, codes, mesh, out, count, seed, progress=lambda done: bar.update(bar.task_ids[0], completed=done)
    )


def _read_classifier(path: Path) -> "ActionUnitClassifier":
    import torch

    from liveface.engine.model.au_classifier import ActionUnitClassifier

    model = ActionUnitClassifier()
    try:
        model.load_state_dict(
            {name: torch.from_numpy(v) for name, v in checkpoint.load(path).part("au_classifier").items()}
        )
    except RuntimeError as error:
        raise CheckpointError(f"{path} holds another Action Unit classifier: train it with this version.") from error
    return model


@contextmanager
def _bar(unit: str, total: int, visible: bool = True) -> Iterator[Progress]:
    """A progress bar on the terminal; it shows the last losses and the time that remains."""
    columns = (TextColumn(unit), BarColumn(), MofNCompleteColumn(), TextColumn("{task.description}"))
    with Progress(*columns, TimeRemainingColumn(), console=Console(stderr=True), disable=not visible) as bar:
        bar.add_task("", total=total)
        yield bar


def _shown(bar: Progress, other_totals: Mapping[str, int] = MappingProxyType({})) -> Report:
    """Show steps and losses on the bar; a run whose loss is in `other_totals` has that many steps."""
    usual = bar.tasks[0].total

    def show(step: int, losses: dict[str, float]) -> None:
        total = next((other_totals[name] for name in losses if name in other_totals), usual)
        text = "  ".join(f"{name} {value:.4f}" for name, value in losses.items())
        bar.update(bar.task_ids[0], completed=step, total=total, description=text)

    return show


def _unfinished(out: Path) -> Path:
    """Where the state of a training lies until it is finished."""
    return out.with_suffix(".training.safetensors")


def _named(name: str, network: "Module") -> "dict[str, Tensor]":
    return {f"{name}.{key}": value for key, value in network.state_dict().items()}


def _keep(
    out: Path,
    weights: "Mapping[str, Tensor]",
    configuration: Mapping[str, Mapping[str, str]],
    pack: Path,
    left_out: Collection[str],
    steps: int,
    seed: int,
    place: "Rank",
) -> None:
    """Write finished weights with their provenance, and remove the state of the run."""
    if not place.leads:
        return
    description = pack / "pack.json"
    data = json.loads(description.read_text(encoding="utf-8")) if description.is_file() else {}
    told = {key: data.get(key) for key in ("source", "licence")}
    told["speakers"] = [speaker for speaker in data.get("speakers", []) if speaker not in left_out]
    provenance = {name: {"data": told, "steps": steps, "seed": seed} for name in configuration}
    tensors = {name: value.contiguous().numpy() for name, value in weights.items()}
    checkpoint.save(out, tensors, configuration, provenance)
    _unfinished(out).unlink(missing_ok=True)
    print(out)
