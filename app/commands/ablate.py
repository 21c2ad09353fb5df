"""The command that trains the hearing again and again, each time without one part, and tells what that costs."""

import json
import math
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.table import Table

from liveface.app.commands.evaluate import _hearing, _utterances
from liveface.app.commands.speech_folders import unfilmed_speech
from liveface.app.files.atomic_write import write_whole
from liveface.engine import checkpoint
from liveface.engine.face import face_space
from liveface.engine.hearing.streamer import DEFAULT_LOOKAHEAD

if TYPE_CHECKING:
    from collections.abc import Collection

    from liveface.engine.media import Motion, Samples
    from liveface.engine.train.motion import HearingOptions
    from liveface.engine.train.speech_dataset import Recording

FILM = {
    "r": "gap_correlation",
    "r speaking": "gap_correlation_speaking",
    "size": "opening_size",
    "speed": "lip_speed_ratio",
    "LMD %": "landmark_distance",
    "closed": "closure_recall_speaking",
    "false": "false_closures_speaking",
    "width r": "width_correlation",
    "round r": "rounding_correlation",
    "AU F1": "au_f1",
}
SOUND = {
    "pbm shut": "bilabial_shut",
    "vowels shut": "vowels_shut",
    "fv gap": "labiodental_gap",
    "narrower": "rounding_contrast",
}


def ablate(
    pack: Annotated[Path, typer.Option(help="A corpus prepared by `liveface train prepare`.")],
    fold: Annotated[str, typer.Option(help="The fold to learn from; the people of the others are the strangers.")],
    phones: Annotated[Path, typer.Option(help="Speech without film to judge by: utterances.csv, phones.csv, sound.")],
    out: Annotated[Path, typer.Option(help="Folder for ablation.json; what is in it already is not done again.")],
    without: Annotated[
        list[str] | None, typer.Option(help="A part to leave out, alone; repeatable, and all parts if none is named.")
    ] = None,
    speech: Annotated[
        list[Path] | None, typer.Option(help="Transcribed speech to learn from; repeatable, as for `motion`.")
    ] = None,
    encoded: Annotated[
        Path | None, typer.Option(help="Folder for a speech encoder's answers, as for `motion`.")
    ] = None,
    seeds: Annotated[int, typer.Option(min=1, help="Trainings of each variant.")] = 3,
    steps: Annotated[int, typer.Option(min=1, help="Of each training.")] = 1500,
    pretraining_steps: Annotated[int, typer.Option(min=1, help="On phones alone, with --speech.")] = 600,
    clips: Annotated[int | None, typer.Option(min=1, help="At most so many of the strangers' clips.")] = None,
) -> None:
    """Train the hearing without each of its parts, and measure all on strangers and on speech without film."""
    from liveface.engine.train import ablation, split
    from liveface.engine.train.motion import HearingOptions

    console = Console(stderr=True)
    variants = [ablation.WHOLE, *(without or ablation.PARTS)]
    strangers = split.read(pack).strangers(fold)
    heard = [recording for folder in speech or () for recording in unfilmed_speech(folder)]
    usual = HearingOptions(steps=steps, pretraining_steps=pretraining_steps)
    for variant in variants:  # a wrong name is told before the first training
        ablation.without(usual, variant)
    report = out / "ablation.json"
    out.mkdir(parents=True, exist_ok=True)
    about = {"fold": fold, "seeds": seeds, "steps": steps, "pretraining_steps": pretraining_steps, "clips": clips}
    runs = _kept(report, about)
    for seed in range(seeds):
        for variant in variants:
            done = runs.setdefault(variant, [])
            if len(done) > seed:
                continue
            options = replace(ablation.without(usual, variant), seed=seed)
            with tempfile.TemporaryDirectory() as folder:
                done.append(_trained(pack, Path(folder), options, heard, strangers, encoded, phones, clips))
            console.print(f"{variant}, seed {seed}: r {done[-1]['r']:.3f}")
            content = {"about": about, "runs": runs, "summary": ablation.summary(runs)}
            write_whole(report, (json.dumps(content, indent=1) + "\n").encode())
    _show({variant: means for variant, means in ablation.summary(runs).items() if variant in variants})
    print(report)


def _trained(
    pack: Path,
    folder: Path,
    options: "HearingOptions",
    heard: "list[Recording]",
    strangers: "Collection[str]",
    encoded: Path | None,
    phones: Path,
    clips: int | None,
) -> dict[str, float]:
    """Train in this folder, and measure on the strangers and the speech."""
    from liveface.engine.evaluate.phones import ALL, phone_scores
    from liveface.engine.evaluate.run import answer_of_motions, motion_scores, read_clip, spread
    from liveface.engine.export import export_motion
    from liveface.engine.model.motion_network import MotionNetwork
    from liveface.engine.train import split
    from liveface.engine.train.motion import train_motion

    path = train_motion(pack, folder, options, None, heard, strangers, encoded=encoded)
    export_motion(MotionNetwork.from_checkpoint(checkpoint.load(path)), folder / "motion.onnx")
    at_any_lookahead, basis = _hearing(folder), face_space.basis()

    def hear(pcm: "Samples") -> "list[Motion]":
        return at_any_lookahead(pcm, DEFAULT_LOOKAHEAD)

    names = split.read(pack).judged("validation", strangers)["unseen"]
    files = [file for speaker, name in names if (file := pack / speaker / f"{name}.npz").is_file()]
    tested = [read_clip(file) for file in spread(files, clips)]
    film = motion_scores(tested, [answer_of_motions(clip, hear(clip.pcm), basis) for clip in tested])
    sound = phone_scores(_utterances(phones, None), hear, basis)[ALL]
    return {title: film[name] for title, name in FILM.items()} | {title: sound[name] for title, name in SOUND.items()}


def _kept(report: Path, about: dict[str, object]) -> dict[str, list[dict[str, float]]]:
    """The runs of an earlier call that was asked for the same, seeds aside."""
    if not report.is_file():
        return {}
    content = json.loads(report.read_text(encoding="utf-8"))
    same = all(content["about"].get(name) == value for name, value in about.items() if name != "seeds")
    return dict(content["runs"]) if same else {}


def _show(summary: dict[str, dict[str, dict[str, float]]]) -> None:
    table = Table("without", *FILM, *SOUND, title=f"strangers and speech at lookahead {DEFAULT_LOOKAHEAD}")
    for variant, scores in summary.items():
        table.add_row(variant, *(_cell(scores[title]) for title in (*FILM, *SOUND)))
    Console(width=200).print(table)


def _cell(score: dict[str, float]) -> str:
    if not math.isfinite(score["mean"]):
        return "–"
    between = f" ±{score['interval']:.3f}" if math.isfinite(score["interval"]) else ""
    return f"{score['mean']:.3f}{between}"
