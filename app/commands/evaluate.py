"""The command that measures the model on recorded speakers. It knows what to measure with, not how."""

import hashlib
import math
import os
import platform
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import numpy as np
import typer
from numpy.typing import NDArray
from rich.console import Console
from rich.table import Table

from liveface.app.commands.prepare import MODELS
from liveface.app.commands.sheets import write_sheets
from liveface.app.files import media_files
from liveface.engine import checkpoint
from liveface.engine.backends.openvino import StepNetwork
from liveface.engine.checkpoint import Checkpoint
from liveface.engine.errors import ConfigurationError
from liveface.engine.evaluate import blind
from liveface.engine.face import face_space, unit_basis
from liveface.engine.face.avatar import Avatar, renewed
from liveface.engine.face.landmarks import FaceMesh
from liveface.engine.hearing.streamer import DEFAULT_LOOKAHEAD, LOOKAHEADS, MotionNetwork, State, Streamer
from liveface.engine.media import Motion, Picture, Samples
from liveface.engine.train import split
from liveface.engine.train.split import Split, Use

if TYPE_CHECKING:
    from liveface.engine.evaluate.phones import Utterance
    from liveface.engine.evaluate.run import Curves, Draw, Hear, Instruments, Row, Sheet
    from liveface.engine.train.corpus import Clip
    from liveface.engine.train.prepare import Outcome

ClipName = tuple[str, str]  # speaker and name

WEIGHTS = "default.safetensors"
QUICK_CLIPS, DRAWN_CLIPS = 4, 6  # of each group
_FILE_WIDTH = 160  # characters

MOTION_COLUMNS = {
    "gap r": "gap_correlation",
    "lag": "lag",
    "LMD %": "landmark_distance",
    "LMD 3D %": "landmark_distance_in_space",
    "closed": "closure_recall",
    "false": "false_closures",
    "spoken": "false_closures_speaking",
    "delay": "opening_delay",
    "size": "opening_size",
    "speed": "lip_speed_ratio",
    "width r": "width_correlation",
    "round r": "rounding_correlation",
    "AU F1": "au_f1",
    "quiet": "quiet_motion",
}
PERSON_COLUMNS = {
    "gap r": "gap_correlation",
    "+-": "gap_correlation_interval",
    "speaking": "gap_correlation_speaking",
    "best lag": "gap_correlation_best_lag",
    "LMD %": "landmark_distance",
    "closed": "closure_recall",
    "false": "false_closures",
    "spoken": "false_closures_speaking",
    "size": "opening_size",
    "speed": "lip_speed_ratio",
    "width r": "width_correlation",
    "round r": "rounding_correlation",
}
PHONE_COLUMNS = {
    "pbm shut": "bilabial_shut",
    "vowels shut": "vowels_shut",
    "fv gap": "labiodental_gap",
    "narrower": "rounding_contrast",
    "forward": "protrusion_contrast",
    "close": "close_vowel_gap",
    "mid": "mid_vowel_gap",
    "open": "open_vowel_gap",
    "p95": "opening_p95",
    "speed": "lip_speed",
}
PICTURE_COLUMNS = {
    "PSNR": "psnr_mouth",
    "SSIM": "ssim_mouth",
    "CPBD": "cpbd",
    "sharp": "sharpness",
    "flicker": "flicker",
    "LMD %": "landmark_distance",
    "gap r": "gap_correlation",
    "slope": "gap_slope",
    "closed": "closure_recall",
    "false": "false_closures",
    "inside": "sharpness_inside",
    "AU F1": "au_seen_f1",
    "AU r": "au_seen_correlation",
    "LSE-D": "lse_d",
    "LSE-C": "lse_c",
}


def evaluate(
    out: Annotated[Path, typer.Option(help="Folder for report.json, plots and contact sheets.")],
    corpus: Annotated[
        Path | None,
        typer.Option(envvar="LIVEFACE_DATA", help="A prepared pack, GRID, TCD-TIMIT, or <speaker>/<clip>.mp4."),
    ] = None,
    phones: Annotated[
        Path | None,
        typer.Option(
            help="Speech without film, with utterances.csv and phones.csv (CMU or IPA): what lips do on sounds."
        ),
    ] = None,
    models: Annotated[Path, typer.Option(help="Folder of default.safetensors, motion.onnx, generator.onnx.")] = MODELS,
    unseen: Annotated[
        str, typer.Option(help="Speakers never trained on, with commas; by default those the model does not name.")
    ] = "",
    fold: Annotated[
        str,
        typer.Option(help="The fold of the cross-fit that the model was trained on; the others are unseen."),
    ] = "",
    use: Annotated[
        Use, typer.Option(help="Clips of people trained on: validation to choose a model, test to report it, once.")
    ] = "test",
    hearing_only: Annotated[bool, typer.Option("--hearing-only", help="Score motion, draw nothing.")] = False,
    quick: Annotated[bool, typer.Option("--quick", help="A few clips, drawn at the default lookahead only.")] = False,
    clips: Annotated[int | None, typer.Option(min=1, help="At most so many clips of each group.")] = None,
    drawn_clips: Annotated[int, typer.Option(min=1, help="At most so many of them are drawn.")] = DRAWN_CLIPS,
    workers: Annotated[int, typer.Option(min=1, help="Processes that prepare a corpus.")] = 1,
    sheet: Annotated[
        list[Path] | None, typer.Option(help="A photo to draw speaking --sound, for looking at; repeatable.")
    ] = None,
    sound: Annotated[Path | None, typer.Option(help="What the photos of --sheet say.")] = None,
    against: Annotated[
        Path | None,
        typer.Option(help="Another model's folder: --sheet writes shuffled, unlabelled pairs of both to choose from."),
    ] = None,
    choices: Annotated[
        str, typer.Option(help="What was chosen of the pairs in --out: for each u (upper), l (lower) or = (alike).")
    ] = "",
) -> None:
    """Measure the model on a corpus and write tables and pictures; or draw photos to be looked at."""
    if choices:
        other, own, alike = blind.tally(out, choices)
        print(f"{models} was preferred {own} times, the other {other} times, {alike} times neither")
        return
    if sheet:
        if sound is None:
            raise ConfigurationError("--sheet needs something to say: give a sound file with --sound.")
        folders = [models] if against is None else [against, models]
        for path in write_sheets(sheet, sound, folders, FaceMesh.load(MODELS), out):
            print(path)
        return
    from liveface.engine.evaluate import report
    from liveface.engine.evaluate.phones import phone_scores
    from liveface.engine.evaluate.run import (
        read_clip,
        score_drawing,
        score_hearing,
        score_silence,
        spread,
    )

    if corpus is None and phones is None:
        raise ConfigurationError("No corpus is given: name one with --corpus or in LIVEFACE_DATA, or give --phones.")
    console = Console(stderr=True)
    weights = checkpoint.load(models / WEIGHTS)
    if quick:
        clips, drawn_clips = clips or QUICK_CLIPS, min(drawn_clips, QUICK_CLIPS)
    basis = face_space.basis()
    hear = _hearing(models)
    rows: list[Row] = []
    sheets: list[Sheet] = []
    curves: list[Curves] = []
    about: dict[str, Any] = {}
    if corpus is not None:
        library = _Library.open(corpus)
        trained = _trained_speakers(weights)
        strangers = library.split.strangers(fold) if fold else _strangers(unseen, library.split.speakers, trained)
        leaks = {network: sorted(known & strangers) for network, known in trained.items() if known & strangers}
        for network, known in leaks.items():
            console.print(f"[bold]not unseen:[/bold] the {network} network was trained on {', '.join(known)}")
        chosen = {
            group: spread([clip for clip in members if clip in library.usable], clips)
            for group, members in library.split.judged(use, strangers).items()
        }
        wanted = [clip for members in chosen.values() for clip in members]
        pack = library.prepared(wanted, out / "pack", workers, console)
        about |= _about_corpus(corpus, chosen) | {"use": use, "fold": fold, "unseen_but_trained_on": leaks}
        for group, members in chosen.items():
            files = [file for speaker, name in members if (file := pack / speaker / f"{name}.npz").is_file()]
            tested = [read_clip(file) for file in files]
            if not tested:
                console.print(f"{group} speakers: no clip to test on")
                continue
            rows += score_hearing(tested, group, hear, basis, progress=console.print, units=_unit_basis(models))
            if hearing_only:
                continue
            filmed = spread([clip for clip in tested if clip.pictures is not None], drawn_clips)
            lookaheads = [DEFAULT_LOOKAHEAD] if quick else LOOKAHEADS
            drawn = score_drawing(
                filmed, group, hear, _drawing(models), _instruments(weights), basis, lookaheads, progress=console.print
            )
            rows, sheets, curves = rows + drawn[0], sheets + drawn[1], curves + drawn[2]
        if not rows:
            raise ConfigurationError(f"{corpus} holds no clip to test on: name speakers to test on with --unseen.")
    table: dict[str, dict[str, float]] = {}
    if phones is not None:
        table = phone_scores(_utterances(phones, clips), lambda pcm: hear(pcm, DEFAULT_LOOKAHEAD), basis)
        about["phones"] = phones.name
    silence = {lookahead: score_silence(hear, basis, lookahead) for lookahead in LOOKAHEADS}
    _show(rows, table, silence[DEFAULT_LOOKAHEAD])
    for path in report.write(out, _about(models / WEIGHTS, weights) | about, rows, silence, sheets, curves, table):
        print(path)


def _unit_basis(models: Path) -> NDArray[np.float32]:
    """The basis by which units drive this model's motion: the shipped one unless its folder holds another."""
    own = models / unit_basis.FILE
    return unit_basis.load(own) if own.is_file() else unit_basis.shipped()


def _utterances(folder: Path, limit: int | None) -> "Iterator[Utterance]":
    """The speech of a folder with utterances.csv and phones.csv, at most `limit` utterances of each language."""
    from liveface.engine.evaluate.phones import Utterance
    from liveface.engine.evaluate.run import spread
    from liveface.engine.train.phones import read_table, read_utterances

    segments = read_table(folder / "phones.csv")
    by_language: dict[str, list[dict[str, str]]] = {}
    for row in read_utterances(folder / "utterances.csv"):
        if row["file"] in segments:
            by_language.setdefault(row.get("language") or "unknown", []).append(row)
    for language, rows in sorted(by_language.items()):
        for row in spread(rows, limit):
            pcm = media_files.read_audio(folder / row["file"])
            yield Utterance(language, row["speaker"], pcm, segments[row["file"]])


@dataclass(frozen=True, slots=True, eq=False)
class _Library:
    """A corpus: what its clips are for, which of them can be used, and where they come from."""

    folder: Path
    split: Split
    usable: set[ClipName]
    recordings: "dict[ClipName, Clip] | None"  # None where `folder` is already a pack

    @classmethod
    def open(cls, folder: Path) -> "_Library":
        """Raises `MediaError` if there is no clip."""
        from liveface.engine.train.corpus import find_clips

        if (folder / "pack.json").is_file():
            usable = {(file.parent.name, file.stem) for file in folder.glob("*/*.npz")}
            return cls(folder, split.read(folder), usable, None)
        recordings = {(clip.speaker, clip.name): clip for clip in find_clips(folder)}
        return cls(folder, split.read(folder, recordings), set(recordings), recordings)

    def prepared(self, chosen: Sequence[ClipName], out: Path, workers: int, console: Console) -> Path:
        """A pack that holds the chosen clips: the corpus itself, or `out`, which is made."""
        if self.recordings is None:
            return self.folder
        from liveface.engine.train.phones import Aligner
        from liveface.engine.train.prepare import Provenance, Sources, prepare_pack

        mesh = partial(FaceMesh.load, MODELS)
        sources = Sources(media_files.read_video, media_files.read_audio, mesh, Aligner)
        clips = [self.recordings[clip] for clip in chosen]

        def report(outcome: "Outcome") -> None:
            console.print(f"left out {outcome.clip}: {outcome.fault}" if outcome.fault else f"prepared {outcome.clip}")

        prepare_pack(clips, sources, out, Provenance(self.folder.name, "unknown"), report, workers)
        return out


def _trained_speakers(weights: Checkpoint) -> dict[str, set[str]]:
    """By network, everyone whom the model's provenance names as trained on."""
    named: dict[str, set[str]] = {}
    for network, part in weights.provenance.items():
        for place in (part, part.get("data")) if isinstance(part, dict) else ():
            if isinstance(place, dict) and place.get("speakers"):
                named[network] = named.get(network, set()) | set(place["speakers"])
    return named


def _strangers(asked: str, speakers: frozenset[str], trained: dict[str, set[str]]) -> set[str]:
    """The speakers to call unseen: those asked for, else those whom no network, or at least not the generator, knows.

    Raises `ConfigurationError` if nobody is asked for and the model does not say who it was trained on.
    """
    if asked:
        return set(asked.split(","))
    if not trained:
        raise ConfigurationError("The model does not say who it was trained on: name other speakers with --unseen.")
    unheard = speakers.difference(*trained.values()) or speakers - trained.get("generator", speakers)
    return set(unheard)


class _Recorder:
    """A motion network that keeps what it answered, step by step."""

    def __init__(self, network: MotionNetwork) -> None:
        self._network = network
        self.steps: list[tuple[NDArray[np.float32], NDArray[np.float32]]] = []

    def initial_state(self) -> State:
        """The network's own."""
        return self._network.initial_state()

    def step(self, mel: NDArray[np.float32], state: State) -> tuple[NDArray[np.float32], NDArray[np.float32], State]:
        """The network's own."""
        units, code, following = self._network.step(mel, state)
        self.steps.append((units, code))
        return units, code, following


class _Replay:
    """Answers what a recorder kept of the same sound; its state is the number of steps taken."""

    def __init__(self, recorder: _Recorder) -> None:
        self._steps = recorder.steps

    def initial_state(self) -> State:
        """No step was taken."""
        return (np.zeros(1, np.float32),)

    def step(self, mel: NDArray[np.float32], state: State) -> tuple[NDArray[np.float32], NDArray[np.float32], State]:
        """The recorded step."""
        return (*self._steps[int(state[0][0])], (state[0] + 1,))


def _hearing(models: Path) -> "Hear":
    """Whole sounds to motions, by the same streamer as live; the network runs once for all lookaheads."""
    network = StepNetwork(models / "motion.onnx")
    known: dict[bytes, _Recorder] = {}

    def hear(pcm: Samples, lookahead: int) -> list[Motion]:
        sound = hashlib.sha256(pcm.tobytes()).digest()
        if sound not in known:
            known[sound] = recorder = _Recorder(network)
            farthest = Streamer(recorder, LOOKAHEADS[-1])
            farthest.feed(pcm)
            farthest.flush()
        streamer = Streamer(_Replay(known[sound]), lookahead)
        return streamer.feed(pcm) + streamer.flush()

    return hear


def _drawing(models: Path) -> "Draw":
    """Motions of one avatar to pictures, its head at rest."""
    from liveface.engine.drawing.renderer import load_renderer

    renderer = load_renderer(models)

    def draw(motions: list[Motion], avatar: Avatar) -> Picture:
        return np.concatenate([frame.image[None] for motion in motions for frame in renderer.draw([motion], [avatar])])

    return draw


def _instruments(weights: Checkpoint) -> "Instruments":
    """What pictures are measured with; networks that the model does not hold are left out."""
    import torch

    from liveface.engine.evaluate.run import Instruments
    from liveface.engine.model.au_classifier import ActionUnitClassifier
    from liveface.engine.model.sync_expert import SyncExpert, embeddings
    from liveface.engine.train.au_classifier import predict
    from liveface.engine.train.prepare import track

    def loaded(network: torch.nn.Module, name: str) -> Any:
        network.load_state_dict({key: torch.from_numpy(value.copy()) for key, value in weights.part(name).items()})
        return network.eval()

    held = {name.partition(".")[0] for name in weights.tensors}
    mesh = FaceMesh.load(MODELS)
    return Instruments(
        track=partial(track, mesh=mesh),
        units=partial(predict, loaded(ActionUnitClassifier(), "au_classifier")) if "au_classifier" in held else None,
        embed=partial(embeddings, loaded(SyncExpert(), "sync")) if "sync" in held else None,
        settle=partial(renewed, mesh),
    )


def _about(model: Path, weights: Checkpoint) -> dict[str, Any]:
    """What was measured, with which commit and hardware."""
    commit = subprocess.run(
        ["git", "-C", str(MODELS), "rev-parse", "HEAD"], capture_output=True, text=True, check=False
    ).stdout.strip()
    information = Path("/proc/cpuinfo")
    lines = information.read_text(encoding="utf-8").splitlines() if information.is_file() else []
    processor = next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), "unknown")
    return {
        "commit": commit or "unknown: not in a checkout",
        "hardware": f"{processor}, {os.cpu_count()} logical cores",
        "system": platform.platform(),
        "python": platform.python_version(),
        "model": model.name,
        "model_sha256": hashlib.sha256(model.read_bytes()).hexdigest(),
        "model_provenance": weights.provenance,
    }


def _about_corpus(corpus: Path, chosen: dict[str, list[ClipName]]) -> dict[str, Any]:
    """On whom it was measured."""
    return {
        "corpus": corpus.name,
        "speakers": {group: sorted({speaker for speaker, _ in members}) for group, members in chosen.items()},
        "clips": {group: ["/".join(clip) for clip in members] for group, members in chosen.items()},
    }


def _show(rows: "Sequence[Row]", phones: Mapping[str, Mapping[str, float]], silence: dict[str, float]) -> None:
    """Print the tables, in full width where they go to a file."""
    console = Console() if sys.stdout.isatty() else Console(width=_FILE_WIDTH)
    columns_by_stage = {"motion": MOTION_COLUMNS, "persons": PERSON_COLUMNS, "pictures": PICTURE_COLUMNS}
    for stage, columns in columns_by_stage.items():
        shown = [row for row in rows if row.stage == stage]
        if shown:
            table = Table("system", "L", "clips", *columns, title=f"{stage}, by group of speakers")
            for row, following in zip(shown, [*shown[1:], None], strict=True):
                values = [_number(row.scores.get(name)) for name in columns.values()]
                lookahead = "" if row.lookahead is None else str(row.lookahead)
                last_of_group = following is None or following.group != row.group
                table.add_row(
                    f"{row.group}: {row.system}", lookahead, str(row.clips), *values, end_section=last_of_group
                )
            console.print(table)
    if phones:
        table = Table(
            "language", "utterances", *PHONE_COLUMNS, title=f"phones at lookahead {DEFAULT_LOOKAHEAD}, in IOD"
        )
        for language, scores in phones.items():
            values = [_small(scores[name]) for name in PHONE_COLUMNS.values()]
            table.add_row(language, f"{scores['utterances']:.0f}", *values)
        console.print(table)
    quiet = ", ".join(f"{name.replace('_', ' ')} {value:.3f} %" for name, value in silence.items())
    console.print(f"lookahead {DEFAULT_LOOKAHEAD}: {quiet} of the inter-ocular distance")


def _small(value: float) -> str:
    return "–" if not math.isfinite(value) else f"{value:.3f}"


def _number(value: float | None) -> str:
    return "–" if value is None or not math.isfinite(value) else f"{value:.3g}" if abs(value) >= 10 else f"{value:.2f}"
