"""A corpus made ready for training: every clip's sound, face mesh, motion and Action Units in one file each.

A pack is a folder: `<speaker>/<clip>.npz`, optionally `<clip>.frames.npy`, `basis.npz` and `pack.json`. It reads no
media itself: the readers and the loader of the face mesh are passed in, and must be picklable for several workers.
"""

import json
import multiprocessing
import signal
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import IO, Any, Protocol
from uuid import uuid4

import cv2
import numpy as np
from numpy.typing import NDArray

from liveface.engine.errors import ConfigurationError, MediaError, OutputError
from liveface.engine.face import action_units, face_space
from liveface.engine.face.landmarks import POINT_COUNT, Face, FaceMesh, Region, region_of
from liveface.engine.media import FPS, HOP, SAMPLE_RATE, Picture, Samples
from liveface.engine.train import openface
from liveface.engine.train.corpus import Clip

Array = NDArray[np.float32]

PACK_VERSION = 1
LARGEST_LOSS = 0.1  # share of frames without a face above which a clip is dropped: block damage, or nobody there
_SMALLEST_SCORE = 0.5
_SMOOTHED_FRAMES = 5  # odd; crops that jump by a pixel make the mesh jump
_JITTERS = ((1.0, 0.0, 0.0), (1.06, 0.01, 0.005), (0.95, -0.01, -0.005))  # side, x and y as shares of the side
_MARGIN = 0.35  # of the face's size, kept around it in stored pictures
_LARGEST_EYES = 96.0  # pixels between the eyes in stored pictures; the networks see about as many
_CLIPS_PER_TASK = 8  # of one worker: enough to forget the loading of the networks


class PhoneAligner(Protocol):
    """Finds the phones of a known sentence in its sound, where the corpus does not tell them."""

    def segments(self, pcm: Samples, transcript: str) -> list[tuple[float, float, str]]:
        """Start and end in seconds, and the phone."""
        ...


@dataclass(frozen=True, slots=True)
class Sources:
    """How to read clips: `video` gives uint8 (T, H, W, 3) RGB and frames a second, `audio` float32 (n,) at 16 kHz.

    `mesh` and `aligner` load what every worker needs once; without an aligner the pack has no phones.
    """

    video: Callable[[Path], tuple[Picture, float]]
    audio: Callable[[Path], Samples]
    mesh: Callable[[], FaceMesh]
    aligner: Callable[[], PhoneAligner] | None = None


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one clip: `fault` is empty if it is in the pack, else says why not."""

    clip: str  # <speaker>/<name>
    fault: str = ""


@dataclass(frozen=True, slots=True)
class Provenance:
    """Where a pack's recordings come from."""

    source: str
    licence: str


def prepare_pack(
    clips: Sequence[Clip],
    sources: Sources,
    out: Path,
    provenance: Provenance,
    progress: Callable[[Outcome], None] = lambda outcome: None,
    workers: int = 1,
    with_pictures: bool = True,
) -> list[Outcome]:
    """Write the pack `out`, and return the outcome of every clip, sorted; finished clips are not done again.

    A clip that cannot be read, or whose face is lost in more than `LARGEST_LOSS` of its frames, is left out and said
    so. Raises `ConfigurationError` if `out` is another kind of pack, `OutputError` if it cannot be written.
    """
    _require_own(out)
    outcomes: list[Outcome] = []
    waiting = []
    for clip in clips:
        if _finished(clip, out, with_pictures):
            outcomes.append(Outcome(_title(clip)))
            progress(outcomes[-1])
        else:
            waiting.append(clip)
    try:
        out.mkdir(parents=True, exist_ok=True)
        basis = face_space.basis()
        _write(out / "basis.npz", lambda file: np.savez(file, **asdict(basis)))
        for outcome in _prepared(waiting, sources, out, workers, with_pictures):
            outcomes.append(outcome)
            progress(outcome)
    except OSError as error:
        raise OutputError(
            f"The pack {out} cannot be written ({error}): choose a writable folder with space."
        ) from error
    finally:
        outcomes.sort(key=lambda outcome: outcome.clip)
        if out.is_dir():
            _describe(out, outcomes, provenance)
    return outcomes


def prepare_clip(
    clip: Clip, sources: Sources, mesh: FaceMesh, aligner: PhoneAligner | None, out: Path, with_pictures: bool
) -> None:
    """Write one clip's files into the pack `out`; raises `MediaError` if the clip is of no use."""
    pictures, rate = sources.video(clip.video)
    samples = sources.audio(clip.audio)
    pictures = pictures[nearest_frames(len(pictures), rate)]
    pictures = pictures[: -(-len(samples) // HOP)]
    samples = np.pad(samples, (0, max(0, len(pictures) * HOP - len(samples))))[: len(pictures) * HOP]
    points = track(pictures, mesh)
    valid = np.isfinite(points[:, 0, 0])
    lost = int((~valid).sum())
    if lost > LARGEST_LOSS * len(valid) or not len(valid):
        raise MediaError(f"{clip.video} shows no face in {lost} of {len(valid)} frames, expected at most a tenth.")
    code, units, gap = label(points)
    if clip.openface is not None:
        told = openface.read(clip.openface, len(points))
        units = np.where(np.isnan(told), units, told)
    file = out / clip.speaker / f"{clip.name}.npz"
    file.parent.mkdir(exist_ok=True)
    if with_pictures:
        pictures, points = around_face(pictures, points)
        _write(_pictures_of(file), lambda opened: np.save(opened, pictures))
    arrays: dict[str, NDArray[Any]] = {
        "audio": samples,
        "points": points,
        "valid": valid,
        "code": code,
        "action_units": units,
        "gap": gap,
        "transcript": np.array(clip.transcript),
    }
    if aligner is not None:
        from liveface.engine.train.phones import labels  # loads torch, which only phones need here

        known = [(p.start / SAMPLE_RATE, p.end / SAMPLE_RATE, p.text.upper()) for p in clip.phones]
        arrays["phones"] = labels(known or aligner.segments(samples, clip.transcript), len(points))
    # Last, because its presence says that the clip is finished.
    _write(file, lambda opened: np.savez(opened, allow_pickle=False, **arrays))


def nearest_frames(count: int, rate: float) -> NDArray[np.int64]:
    """Which of `count` frames at `rate` a second to show at 25 a second: the nearest in time, (T,)."""
    wanted = round(count * FPS / rate)
    return np.minimum(np.round(np.arange(wanted) * rate / FPS).astype(np.int64), count - 1)


def track(pictures: Picture, mesh: FaceMesh) -> Array:
    """The mesh of one face through a clip uint8 (T, H, W, 3): (T, 468, 3) pixels, NaN where it is lost.

    The face found first is followed from frame to frame. Its regions are smoothed over time, and the meshes of three
    slightly different crops averaged: both halve the jitter of the points.
    """
    regions: list[Region | None] = []
    region: Region | None = None
    for picture in pictures:
        face = mesh.points_in(picture, region) if region else None
        if face is None or face.score < _SMALLEST_SCORE:
            face = _found(picture, mesh, thoroughly=len(regions) % FPS == 0)
        region = region_of(face.points) if face is not None and face.score >= _SMALLEST_SCORE else None
        regions.append(region)
    points = np.full((len(pictures), POINT_COUNT, 3), np.nan, np.float32)
    seen = np.array([index for index, region in enumerate(regions) if region])
    if not len(seen):
        return points
    values = np.array([[region.x, region.y, region.side, region.angle] for region in regions if region])
    filled = np.stack([np.interp(np.arange(len(pictures)), seen, column) for column in values.T], axis=1)
    border = _SMOOTHED_FRAMES // 2
    padded = np.pad(filled, ((border, border), (0, 0)), mode="edge")
    smooth = np.stack([padded[k : k + len(filled)] for k in range(_SMOOTHED_FRAMES)]).mean(axis=0)
    for index in seen:
        points[index] = steady_points(pictures[index], Region(*smooth[index]), mesh)
    return points


def steady_points(picture: Picture, region: Region, mesh: FaceMesh) -> Array:
    """The mean mesh (468, 3), in pixels, of three slightly different crops of one face."""
    x, y, side, angle = region.x, region.y, region.side, region.angle
    crops = [Region(x + right * side, y + down * side, side * scale, angle) for scale, right, down in _JITTERS]
    return np.asarray(np.mean([mesh.points_in(picture, crop).points for crop in crops], axis=0), np.float32)


def _found(picture: Picture, mesh: FaceMesh, thoroughly: bool) -> Face | None:
    """The best face, also a small one when looked for `thoroughly`, which takes far longer."""
    regions = mesh.regions(picture)
    if regions:
        return mesh.points_in(picture, regions[0])
    return next(iter(mesh.search(picture)), None) if thoroughly else None


def label(points: Array) -> tuple[Array, Array, Array]:
    """Training targets of one clip's mesh (T, 468, 3) pixels, NaN where lost: lost frames are filled in from around.

    Returns the motion code (T, 16), Action Unit intensities (T, 7) with NaN where landmarks cannot tell, and the
    opening of the mouth from rest (T,) in IOD, at least 0.
    """
    shape = face_space.normalise(points)
    valid = np.isfinite(shape[:, 0, 0])
    rest = face_space.neutral(shape)
    displacement = (shape[valid] - rest) * face_space.mobility()[:, None]
    gap = np.maximum(face_space.mouth_gap(displacement), 0.0)
    code, units = face_space.basis().encode(displacement), action_units.from_landmarks(displacement)
    return _filled(code, valid), _filled(units, valid), _filled(gap[:, None], valid)[:, 0]


def around_face(pictures: Picture, points: Array) -> tuple[Picture, Array]:
    """Cut the pictures of one clip to where the face goes, and shrink them if it is large; the points move along."""
    low, high = np.nanmin(points[..., :2], axis=(0, 1)), np.nanmax(points[..., :2], axis=(0, 1))
    margin = _MARGIN * (high - low)
    left, top = np.maximum(np.floor(low - margin), 0).astype(int)
    right, bottom = np.ceil(high + margin).astype(int)
    cut = pictures[:, top:bottom, left:right]
    scale = min(1.0, _LARGEST_EYES / float(np.nanmean(face_space.inter_ocular(points))))
    moved = ((points - np.array([left, top, 0])) * scale).astype(np.float32)
    if scale == 1.0:
        return np.ascontiguousarray(cut), moved
    size = round(cut.shape[2] * scale), round(cut.shape[1] * scale)
    return np.stack([cv2.resize(picture, size, interpolation=cv2.INTER_AREA) for picture in cut]), moved


def _filled(values: Array, valid: NDArray[np.bool_]) -> Array:
    """Values (V, n) of the valid frames, linearly filled in to all frames (T, n)."""
    where = np.flatnonzero(valid)
    columns = [np.interp(np.arange(len(valid)), where, column) for column in values.T]
    return np.stack(columns, axis=1).astype(np.float32)


def _prepared(
    clips: Sequence[Clip], sources: Sources, out: Path, workers: int, with_pictures: bool
) -> Iterator[Outcome]:
    if workers == 1 or len(clips) == 1:
        yield from _prepare_some(clips, sources, out, with_pictures)
        return
    tasks = [clips[start : start + _CLIPS_PER_TASK] for start in range(0, len(clips), _CLIPS_PER_TASK)]
    # Spawned, because a process forked from one that has inference threads may hang.
    # Ctrl-C reaches them too: by the default action they end at once and in silence.
    on_start = (signal.SIGINT, signal.SIG_DFL)
    with ProcessPoolExecutor(workers, multiprocessing.get_context("spawn"), signal.signal, on_start) as pool:
        try:
            for future in as_completed([pool.submit(_prepare_task, t, sources, out, with_pictures) for t in tasks]):
                yield from future.result()
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            raise


def _prepare_task(clips: Sequence[Clip], sources: Sources, out: Path, with_pictures: bool) -> list[Outcome]:
    cv2.setNumThreads(1)
    return list(_prepare_some(clips, sources, out, with_pictures))


def _prepare_some(clips: Sequence[Clip], sources: Sources, out: Path, with_pictures: bool) -> Iterator[Outcome]:
    if not clips:
        return
    mesh, aligner = sources.mesh(), sources.aligner and sources.aligner()
    for clip in clips:
        try:
            prepare_clip(clip, sources, mesh, aligner, out, with_pictures)
            yield Outcome(_title(clip))
        except MediaError as error:
            yield Outcome(_title(clip), str(error))


def _title(clip: Clip) -> str:
    return f"{clip.speaker}/{clip.name}"


def _pictures_of(file: Path) -> Path:
    return file.with_suffix(".frames.npy")


def _finished(clip: Clip, out: Path, with_pictures: bool) -> bool:
    file = out / clip.speaker / f"{clip.name}.npz"
    return file.is_file() and (not with_pictures or _pictures_of(file).is_file())


def _require_own(out: Path) -> None:
    """Raise `ConfigurationError` unless `out` is new, empty, or a pack that this version continues."""
    description = out / "pack.json"
    if not description.is_file():
        if out.is_dir() and any(path.suffix not in (".npz", "") for path in out.iterdir()):
            raise ConfigurationError(f"{out} holds other files, expected an empty folder or a pack: choose another.")
        return
    try:
        version = json.loads(description.read_text(encoding="utf-8")).get("version")
    except (ValueError, AttributeError) as error:
        raise ConfigurationError(f"{description} is damaged ({error}): delete the pack and prepare it anew.") from error
    if version != PACK_VERSION:
        raise ConfigurationError(f"{out} is a pack of version {version}, expected {PACK_VERSION}: choose a new folder.")


def _describe(out: Path, outcomes: Sequence[Outcome], provenance: Provenance) -> None:
    kept = [outcome.clip for outcome in outcomes if not outcome.fault]
    content = {
        "version": PACK_VERSION,
        **asdict(provenance),
        "speakers": sorted({clip.partition("/")[0] for clip in kept}),
        "clips": len(kept),
        "left_out": {outcome.clip: outcome.fault for outcome in outcomes if outcome.fault},
    }
    text = json.dumps(content, indent=1, ensure_ascii=False) + "\n"
    _write(out / "pack.json", lambda file: file.write(text.encode()))


def _write(path: Path, fill: Callable[[IO[bytes]], object]) -> None:
    """Let `fill` write a file under a temporary name, then rename it."""
    temporary = path.with_name(f".{path.name}.{uuid4().hex[:8]}.part")
    try:
        with temporary.open("wb") as file:
            fill(file)
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)
