"""An evaluation over a prepared corpus: what was heard, and what was drawn, against the true motion and the true video.

The ground truth, trivial answers and the product go through the same measurements. How sound is heard and motion is
drawn is passed in; it knows neither the networks nor how results are shown.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar, cast

import numpy as np
from numpy.typing import NDArray

from liveface.engine.errors import MediaError
from liveface.engine.evaluate import image, lipsync
from liveface.engine.evaluate.action_units import unit_scores
from liveface.engine.face import action_units, face_space, unit_basis
from liveface.engine.face.avatar import Avatar
from liveface.engine.face.face_space import LIPS, MotionBasis
from liveface.engine.face.mouth_crops import HEIGHT, WIDTH, cut, steady_transforms
from liveface.engine.hearing.features import FRAME_HISTORY, HOPS_PER_FRAME, log_mel, normalised_features
from liveface.engine.hearing.streamer import DEFAULT_LOOKAHEAD, LOOKAHEADS
from liveface.engine.media import HOP, SAMPLE_RATE, Motion, Picture, Samples
from liveface.engine.model.audio_encoder import PHONES
from liveface.engine.train import measures

Item = TypeVar("Item")

Floats = NDArray[np.float32]
Flags = NDArray[np.bool_]
Scores = dict[str, float]
System = tuple[str, int | None]  # name and lookahead
Hear = Callable[[Samples, int], list[Motion]]  # whole sound and lookahead to motions, one for each frame
Draw = Callable[[list[Motion], Avatar], Picture]  # motions of one avatar to uint8 (T, H, W, 3) RGB, head at rest
Track = Callable[[Picture], Floats]  # pictures to mesh points (T, 468, 3) pixels, NaN where there is no face
Units = Callable[[Picture], Floats]  # mouth crops (T, 96, 128, 3) to intensities (T, 7)
Progress = Callable[[str], None]
Embed = Callable[[Picture, Floats], tuple[Floats, Floats]]  # crops and features to sound and picture embeddings

FACE_MARGIN = 0.5  # of the mouth crop's size: the lower face, 256x192 pixels
QUIET = 0.1  # of the range of a clip's loudness: below it nobody speaks
BILABIALS = np.array([PHONES.index(phone) for phone in ("P", "B", "M")])

TRUE_MOTION = "true motion"
IN_THE_BASIS = "true motion, 16 coefficients"
STILL = "static photo"
LOUDNESS = "sound-energy mouth"
HEARD = "liveface"
UNITS_ALONE, REST_ALONE = "liveface, units alone", "liveface, without its units"
TRUE_VIDEO = "true video"
_WIDEST_LOUD = 0.12  # IOD, opening of the sound-energy mouth at the loudest moment of a clip: s1 at a stressed vowel
_SILENT_SECONDS = 3
NOISE_DBFS = -50.0
_QUIETER = np.float32(0.1)  # gain of the level test, -20 dB
_WITH_INTERVALS = ("gap_correlation", "opening_size", "landmark_distance", "lip_speed_ratio", "width_correlation")
_OPEN = 0.08  # IOD of true gap from which the inside of a mouth is compared
_CPBD_EVERY = 5  # frames; the pictures of one clip are alike
SHEET_MOMENTS = 8


@dataclass(frozen=True, slots=True, eq=False)
class TestClip:
    """One recorded sentence with the truth about it.

    `pcm` float32 (640 T,); `points` float32 (T, 468, 3) pixels; `shape` the same in the pose-free face (IOD), NaN
    where no face was found; `rest` (468, 3) its closed neutral; `units` (T, 7) with NaN; `bilabial` bool (T,) where p,
    b or m is spoken, None if unknown; `pictures` the file of its frames, None if they were not kept.
    """

    __test__ = False

    speaker: str
    name: str
    pcm: Samples
    points: Floats
    shape: Floats
    rest: Floats
    units: Floats
    bilabial: Flags | None
    pictures: Path | None

    @property
    def gap(self) -> Floats:
        """True opening (T,) from rest, IOD, at least 0."""
        return opening(self.shape - self.rest)

    @property
    def quiet(self) -> Flags:
        """Frames (T,) in which nobody speaks."""
        return loudness(self.pcm) < QUIET


@dataclass(frozen=True, slots=True, eq=False)
class Answer:
    """What one system makes of one clip: `lips` (T, 40, 3) and `gap` (T,) in IOD, `units` (T, 7)."""

    lips: Floats
    gap: Floats
    units: Floats


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the result: a system on a group of speakers. `stage` is "motion", "persons" or "pictures"."""

    system: str
    lookahead: int | None
    group: str
    stage: str
    clips: int
    scores: Scores


@dataclass(frozen=True, slots=True, eq=False)
class Sheet:
    """Pictures for looking at: rows (title, crops uint8 (n, 192, 256, 3)) of the same moments of one clip."""

    title: str
    rows: tuple[tuple[str, Picture], ...]


@dataclass(frozen=True, slots=True, eq=False)
class Curves:
    """Openings (T,) in IOD of one clip, by system."""

    title: str
    gaps: dict[str, Floats]


def spread(items: Sequence[Item], limit: int | None) -> list[Item]:
    """At most `limit` of the items, evenly spread; all without a limit."""
    if limit is None or len(items) <= limit:
        return list(items)
    return [items[index] for index in np.linspace(0, len(items) - 1, limit).round().astype(int)]


def read_clip(file: Path) -> TestClip:
    """One clip of a pack; raises `MediaError` if it is not one or shows too little of a face."""
    try:
        with np.load(file, allow_pickle=False) as arrays:
            pcm, points, units = arrays["audio"], arrays["points"], arrays["action_units"]
            phones = arrays.get("phones")
    except (OSError, ValueError, KeyError) as error:
        raise MediaError(f"{file} is no clip of a prepared corpus ({error}): prepare the corpus again.") from error
    frames = len(points)
    pcm = np.pad(pcm[: frames * HOP], (0, max(0, frames * HOP - len(pcm)))).astype(np.float32)
    shape = face_space.normalise(points)
    if np.isfinite(shape[:, 0, 0]).sum() < 2 * lipsync.SYNC_RANGE:
        raise MediaError(f"{file} shows a face in fewer than {2 * lipsync.SYNC_RANGE} frames: leave the clip out.")
    spoken: Flags | None = None
    if phones is not None and (phones >= 0).any():
        spoken = np.asarray(np.isin(phones, BILABIALS).reshape(frames, HOPS_PER_FRAME).any(axis=1), np.bool_)
    pictures = file.with_suffix(".frames.npy")
    return TestClip(
        file.parent.name,
        file.stem,
        pcm,
        points,
        shape,
        face_space.neutral(shape),
        units.astype(np.float32),
        spoken,
        pictures if pictures.is_file() else None,
    )


def opening(displacement: Floats) -> Floats:
    """Opening (T,) in IOD of displacements (T, 468, 3) from rest, at least 0."""
    return np.asarray(np.maximum(face_space.mouth_gap(displacement), 0.0), np.float32)


def loudness(pcm: Samples) -> Floats:
    """Loudness (T,) of a clip, smoothed over 3 frames: 0 at its 5th percentile in dB, 1 at its 99th."""
    mel = log_mel(np.concatenate([np.zeros(FRAME_HISTORY, np.float32), pcm]))
    level = np.log(np.exp(mel).reshape(len(pcm) // HOP, -1).mean(axis=1))
    level = np.convolve(np.pad(level, 1, mode="edge"), np.ones(3) / 3, mode="valid")
    low, high = np.percentile(level, [5, 99])
    return np.asarray(np.clip((level - low) / max(high - low, 1e-6), 0.0, 1.0), np.float32)


def answer_of_code(clip: TestClip, code: Floats, units: Floats | None, basis: MotionBasis) -> Answer:
    """The answer that a motion code (T, D) is; without `units` (T, 7) they are estimated from its landmarks."""
    displacement = basis.decode(code)
    if units is None:
        units = np.asarray(action_units.from_landmarks(displacement))
    return Answer((clip.rest + displacement)[:, LIPS], opening(displacement), units)


def answer_of_points(clip: TestClip, points: Floats) -> Answer:
    """The answer that mesh points (T, 468, 3) pixels of a drawn or filmed face of the clip's person are.

    Openings and units count from the *true* clip's rest, so a mouth that never closes is not forgiven.
    """
    shape = face_space.normalise(points)
    displacement = (shape - clip.rest) * face_space.mobility()[:, None]
    return Answer(shape[:, LIPS], opening(displacement), action_units.from_landmarks(displacement))


def code_of_loudness(clip: TestClip, basis: MotionBasis) -> Floats:
    """The trivial answer: the mouth opens as far as the sound is loud, (T, D)."""
    weights = basis.gap_weights()
    towards_open = weights / (weights @ weights)
    return np.asarray(loudness(clip.pcm)[:, None] * _WIDEST_LOUD * towards_open, np.float32)


def code_of_truth(clip: TestClip, basis: MotionBasis) -> Floats:
    """The true motion in the basis, (T, D); frames without a face take the motion of the nearest earlier one."""
    displacement = np.nan_to_num((clip.shape - clip.rest) * face_space.mobility()[:, None])
    code = basis.encode(displacement)
    seen = np.isfinite(clip.shape[:, 0, 0])
    return np.asarray(code[np.maximum.accumulate(np.where(seen, np.arange(len(code)), 0))])


def answer_of_motions(clip: TestClip, motions: Sequence[Motion], basis: MotionBasis) -> Answer:
    """The answer that motions are: one for each frame of the clip."""
    assert len(motions) == len(clip.shape), f"{len(motions)} motions for the {len(clip.shape)} frames of {clip.name}"
    code, units = np.stack([motion.code for motion in motions]), np.stack([motion.action_units for motion in motions])
    return answer_of_code(clip, code, units, basis)


def in_parts(motions: Sequence[Motion], matrix: Floats) -> tuple[Floats, Floats]:
    """The codes (T, D) by which the units of motions move the mouth, and what is left of the motions without them.

    `matrix`: the basis (units, D) of the network that was heard, see `engine.face.unit_basis`.
    """
    driven = np.stack([motion.action_units for motion in motions]) @ matrix
    return driven, np.stack([motion.code for motion in motions]) - driven


def motions_of_code(clip: TestClip, code: Floats) -> list[Motion]:
    """Motions with the clip's own sound that a renderer can draw; their action units are estimated from the code."""
    units = np.nan_to_num(action_units.from_landmarks(face_space.basis().decode(code)))
    return [
        Motion(index, units[index], row, clip.pcm[index * HOP : (index + 1) * HOP], True)
        for index, row in enumerate(code)
    ]


def motion_scores(clips: Sequence[TestClip], answers: Sequence[Answer]) -> Scores:
    """All scores that need no picture, averaged over clips; closures and F1 are pooled."""
    per_clip: list[Scores] = []
    closures, spoken = np.zeros((2, 4), np.int64)
    for clip, answer in zip(clips, answers, strict=True):
        gap = clip.gap
        closures += lipsync.closure_counts(gap, answer.gap, clip.bilabial)
        spoken += lipsync.closure_counts(np.where(clip.quiet, np.nan, gap), answer.gap, clip.bilabial)
        lag = lipsync.best_lag(gap, answer.gap)
        true, answered = (measures.of_lips(lips - clip.rest[LIPS]) for lips in (clip.shape[:, LIPS], answer.lips))
        per_clip.append(
            {
                "gap_correlation_speaking": lipsync.mouth_correlation(np.where(clip.quiet, np.nan, gap), answer.gap),
                "gap_correlation_best_lag": lipsync.mouth_correlation(*lipsync.shifted(gap, answer.gap, lag)),
                "width_correlation": lipsync.mouth_correlation(true[:, measures.WIDTH], answered[:, measures.WIDTH]),
                "width_size": _deviation(answered[:, measures.WIDTH]) / max(_deviation(true[:, measures.WIDTH]), 1e-6),
                "rounding_correlation": lipsync.mouth_correlation(_rounding(true), _rounding(answered)),
                "lip_speed_ratio": lipsync.motion_per_frame(answer.lips)
                / max(lipsync.motion_per_frame(clip.shape[:, LIPS]), 1e-6),
                "gap_correlation": lipsync.mouth_correlation(gap, answer.gap),
                "gap_slope": lipsync.mouth_slope(gap, answer.gap),
                "lag": float(lag),
                "lag_within_1": float(abs(lag) <= 1),
                "landmark_distance": lipsync.landmark_distance(clip.shape[:, LIPS], answer.lips),
                "landmark_distance_in_space": lipsync.landmark_distance_in_space(clip.shape[:, LIPS], answer.lips),
                "opening_delay": lipsync.first_opening_delay(gap, answer.gap),
                "opening_size": _deviation(answer.gap) / max(_deviation(gap), 1e-6),
                "lip_speed": lipsync.motion_per_frame(answer.lips),
                "quiet_motion": lipsync.motion_per_frame(np.where(clip.quiet[:, None, None], answer.lips, np.nan)),
            }
        )
    scores = _mean_scores(per_clip)
    scores |= {f"{name}_interval": _interval([one[name] for one in per_clip]) for name in _WITH_INTERVALS}
    scores["closure_recall"], scores["false_closures"] = lipsync.closure_rates(closures)
    scores["closures"] = float(closures[1])
    scores["closure_recall_speaking"], scores["false_closures_speaking"] = lipsync.closure_rates(spoken)
    return scores | _unit_scores([clip.units for clip in clips], [answer.units for answer in answers], "au")


def score_hearing(
    clips: Sequence[TestClip],
    group: str,
    hear: Hear,
    basis: MotionBasis,
    lookaheads: Sequence[int] = LOOKAHEADS,
    progress: Progress = lambda message: None,
    units: Floats | None = None,
) -> list[Row]:
    """Rows of the truth, the trivial answers, and what is heard at every lookahead.

    `units`: the basis by which units drive the network, that of the shipped one without.
    """
    matrix = unit_basis.shipped() if units is None else units

    def row(system: str, lookahead: int | None, answers: Sequence[Answer], more: Scores | None = None) -> Row:
        return Row(system, lookahead, group, "motion", len(clips), motion_scores(clips, answers) | (more or {}))

    def of_codes(code: Callable[[TestClip], Floats]) -> list[Answer]:
        return [answer_of_code(clip, code(clip), None, basis) for clip in clips]

    def quieter(answers: Sequence[Answer]) -> float:
        soft = [answer_of_motions(clip, hear(clip.pcm * _QUIETER, DEFAULT_LOOKAHEAD), basis) for clip in clips]
        pairs = zip(soft, answers, strict=True)
        return _mean([float(one.gap.std() / other.gap.std()) for one, other in pairs if other.gap.any()])

    rows = [
        row(TRUE_MOTION, None, [Answer(clip.shape[:, LIPS], clip.gap, clip.units) for clip in clips]),
        row(IN_THE_BASIS, None, of_codes(lambda clip: code_of_truth(clip, basis))),
        row(STILL, None, of_codes(lambda clip: np.zeros((len(clip.shape), len(basis.scale)), np.float32))),
        row(LOUDNESS, None, of_codes(lambda clip: code_of_loudness(clip, basis))),
    ]
    for lookahead in lookaheads:
        answers = [answer_of_motions(clip, hear(clip.pcm, lookahead), basis) for clip in clips]
        more = {"opening_20dB_quieter": quieter(answers)} if lookahead == DEFAULT_LOOKAHEAD else {}
        rows.append(row(HEARD, lookahead, answers, more))
        if lookahead == DEFAULT_LOOKAHEAD:
            parts = [in_parts(hear(clip.pcm, lookahead), matrix) for clip in clips]
            for system, place in ((UNITS_ALONE, 0), (REST_ALONE, 1)):
                codes = [
                    answer_of_code(clip, part[place], None, basis) for clip, part in zip(clips, parts, strict=True)
                ]
                rows.append(row(system, lookahead, codes))
        if lookahead == DEFAULT_LOOKAHEAD and len({clip.speaker for clip in clips}) > 1:
            rows += _by_person(clips, group, lookahead, answers)
        progress(f"{group} speakers: heard {len(clips)} clips at lookahead {lookahead}")
    return rows


def _by_person(clips: Sequence[TestClip], group: str, lookahead: int, answers: Sequence[Answer]) -> list[Row]:
    """What is heard of each person alone, and the mean of all persons, each counting alike."""
    rows = []
    for person in sorted({clip.speaker for clip in clips}):
        own = [(clip, answer) for clip, answer in zip(clips, answers, strict=True) if clip.speaker == person]
        scores = motion_scores([clip for clip, _ in own], [answer for _, answer in own])
        rows.append(Row(HEARD, lookahead, f"{group}, {person}", "persons", len(own), scores))
    names = rows[0].scores
    means = {name: _mean([row.scores.get(name, float("nan")) for row in rows]) for name in names}
    return [*rows, Row(HEARD, lookahead, f"{group}, mean of {len(rows)} persons", "persons", len(clips), means)]


def _rounding(measured: Floats) -> Floats:
    """Lips forward and narrow, (T,) of measures (T, 6): as Action Unit 18 is estimated."""
    return np.asarray(measured[:, measures.PROTRUSION] - measured[:, measures.WIDTH] / 2, np.float32)


def _interval(values: Sequence[float]) -> float:
    """Half of the 95 % interval of the mean over clips; NaN of fewer than two."""
    known = np.array(values)[np.isfinite(values)]
    return float(1.96 * known.std(ddof=1) / np.sqrt(len(known))) if len(known) > 1 else float("nan")


def score_silence(hear: Hear, basis: MotionBasis, lookahead: int) -> Scores:
    """Lip motion in % of IOD per frame and widest opening in % of IOD, in digital silence and in noise of -50 dBFS."""
    count = _SILENT_SECONDS * SAMPLE_RATE
    noise = np.random.default_rng(0).standard_normal(count).astype(np.float32)
    scores = {}
    for name, pcm in (("silence", np.zeros(count, np.float32)), ("noise", noise * np.float32(10 ** (NOISE_DBFS / 20)))):
        displacement = basis.decode(np.stack([motion.code for motion in hear(pcm, lookahead)]))
        scores[f"{name}_motion"] = lipsync.motion_per_frame(displacement[:, LIPS])
        scores[f"{name}_opening"] = 100.0 * float(opening(displacement).max())
    return scores


@dataclass(frozen=True, slots=True)
class Instruments:
    """What pictures are measured with. `units` and `embed` are networks, None where the model does not hold them.

    `settle`: the mesh (468, 3) of a photo, uint8 RGB, as preparing an avatar makes it, from the tracked one.
    """

    track: Track
    units: Units | None
    embed: Embed | None
    settle: Callable[[Picture, Floats], Floats] = lambda photo, points: points


@dataclass(frozen=True, slots=True, eq=False)
class _Drawn:
    """Pictures of one clip by one system: how to cut mouths out of them and where their face is."""

    pictures: Picture
    transforms: NDArray[np.float64]
    points: Floats


@dataclass(frozen=True, slots=True, eq=False)
class _Measured:
    """One clip by one system: landmarks, scores of the pictures, units (T, 7) seen by the classifier."""

    answer: Answer
    scores: Scores
    units: Floats | None


def score_drawing(
    clips: Sequence[TestClip],
    group: str,
    hear: Hear,
    draw: Draw,
    instruments: Instruments,
    basis: MotionBasis,
    lookaheads: Sequence[int],
    progress: Progress = lambda message: None,
) -> tuple[list[Row], list[Sheet], list[Curves]]:
    """Rows, contact sheets and openings of the true video, the trivial videos and what is drawn.

    Each clip's first frame with a face is the photo; everything is drawn from it with the head at rest. Clips without
    pictures are left out; raises `MediaError` if none is left.
    """
    clips = [clip for clip in clips if clip.pictures is not None]
    if not clips:
        raise MediaError(f"No clip of the {group} speakers kept its pictures: prepare the corpus with its pictures.")
    measured: dict[System, list[_Measured]] = {}
    sheets: list[Sheet] = []
    curves: list[Curves] = []
    for number, clip in enumerate(clips, start=1):
        frames = _even(np.load(cast(Path, clip.pictures), mmap_mode="r", allow_pickle=False))
        transforms = steady_transforms(clip.points)
        first = int(np.flatnonzero(np.isfinite(clip.points[:, 0, 0]))[0])
        photo, home = frames[first].copy(), np.broadcast_to(transforms[first], transforms.shape)
        avatar = Avatar(clip.name, photo, instruments.settle(photo, clip.points[first]))
        films: dict[System, Picture] = {
            (STILL, None): np.broadcast_to(photo, frames.shape),
            (LOUDNESS, None): draw(motions_of_code(clip, code_of_loudness(clip, basis)), avatar),
            (TRUE_MOTION, None): draw(motions_of_code(clip, code_of_truth(clip, basis)), avatar),
        }
        for lookahead in lookaheads:
            films[HEARD, lookahead] = draw(hear(clip.pcm, lookahead), avatar)
        drawn: dict[System, _Drawn] = {(TRUE_VIDEO, None): _Drawn(frames, transforms, clip.points)}
        drawn |= {key: _Drawn(film, home, instruments.track(film)) for key, film in films.items()}
        truth = cut(frames, transforms, FACE_MARGIN)
        crops = {key: cut(one.pictures, one.transforms, FACE_MARGIN) for key, one in drawn.items()}
        answers = {key: answer_of_points(clip, one.points) for key, one in drawn.items()}
        for key, one in drawn.items():
            units = None if instruments.units is None else instruments.units(mouths(crops[key]))
            scores = _picture_scores(clip, one.pictures, photo, transforms[first], crops[key], truth, instruments.embed)
            scores["sharpness_inside"] = _sharpness_inside(clip, transforms, mouths(crops[key]), mouths(truth))
            measured.setdefault(key, []).append(_Measured(answers[key], scores, units))
        moments = _moments(clip)
        sheets.append(Sheet(f"{clip.speaker} {clip.name}", tuple((title(*k), crops[k][moments]) for k in crops)))
        curves.append(Curves(sheets[-1].title, {title(*k): answer.gap for k, answer in answers.items()}))
        progress(f"{group} speakers: drew {number} of {len(clips)} clips")
    rows = []
    for (system, delay), results in measured.items():
        total = motion_scores(clips, [result.answer for result in results])
        total |= _mean_scores([result.scores for result in results])
        units_seen = [result.units for result in results if result.units is not None]
        if units_seen:
            total |= _unit_scores([clip.units for clip in clips], units_seen, "au_seen")
        rows.append(Row(system, delay, group, "pictures", len(clips), total))
    return rows, sheets, curves


def title(system: str, lookahead: int | None) -> str:
    """A system's name with its lookahead."""
    return system if lookahead is None else f"{system}, lookahead {lookahead}"


def mouths(faces: Picture) -> Picture:
    """The mouth crops (T, 96, 128, 3) inside crops that were cut with `FACE_MARGIN`."""
    top, left = (faces.shape[1] - HEIGHT) // 2, (faces.shape[2] - WIDTH) // 2
    return faces[:, top : top + HEIGHT, left : left + WIDTH]


def _picture_scores(
    clip: TestClip,
    pictures: Picture,
    photo: Picture,
    home: NDArray[np.float64],
    faces: Picture,
    true_faces: Picture,
    embed: Embed | None,
) -> Scores:
    seen = np.flatnonzero(np.isfinite(clip.points[:, 0, 0]))
    lips, true_lips = mouths(faces), mouths(true_faces)
    box = _box(home, photo.shape[:2])
    scores = {
        "psnr_face": _mean_psnr([image.psnr(true_faces[t], faces[t]) for t in seen]),
        "ssim_face": _mean([image.ssim(true_faces[t], faces[t]) for t in seen]),
        "psnr_mouth": _mean_psnr([image.psnr(true_lips[t], lips[t]) for t in seen]),
        "ssim_mouth": _mean([image.ssim(true_lips[t], lips[t]) for t in seen]),
        "cpbd": _mean([image.cpbd(pictures[t]) for t in seen[::_CPBD_EVERY]]),
        "sharpness": _mean([image.sharpness_ratio(pictures[t][box], photo[box]) for t in seen]),
        "flicker": image.temporal_flicker(lips[seen]),
    }
    if embed is not None and len(seen) == len(pictures):
        heard, shown = embed(lips, normalised_features(clip.pcm))
        distance, confidence, offset = lipsync.sync_distances(heard, shown)
        scores |= {"lse_d": distance, "lse_c": confidence, "sync_within_1": float(abs(offset) <= 1)}
    return scores


def _sharpness_inside(clip: TestClip, transforms: NDArray[np.float64], lips: Picture, true_lips: Picture) -> float:
    """Gradient energy inside the open mouth over that of the film, where it is open; NaN if it never is.

    `lips`, `true_lips`: steady crops (T, 96, 128, 3); `transforms` (T, 2, 3) lead from the film to the crops.
    """
    ratios = []
    for index in np.flatnonzero(np.nan_to_num(clip.gap) > _OPEN):
        place = transforms[index]
        lips_there = clip.points[index][face_space.INNER_LIPS, :2] @ place[:, :2].T + place[:, 2]
        low = np.maximum(np.floor(lips_there.min(axis=0)).astype(int), 0)
        high = np.ceil(lips_there.max(axis=0)).astype(int) + 1
        inside = np.s_[low[1] : high[1], low[0] : high[0]]
        if min(true_lips[index][inside].shape[:2]) >= 3:
            ratios.append(image.sharpness_ratio(lips[index][inside], true_lips[index][inside]))
    return _mean(ratios) if ratios else float("nan")


def _box(home: NDArray[np.float64], size: tuple[int, ...]) -> tuple[slice, slice]:
    """Upright box of native pixels around the mouth crop whose transform is `home`."""
    corners = np.array([[0, 0], [WIDTH, 0], [0, HEIGHT], [WIDTH, HEIGHT]]) - home[:, 2]
    places = np.linalg.solve(home[:, :2], corners.T).T
    (left, top), (right, bottom) = np.floor(places.min(axis=0)).astype(int), np.ceil(places.max(axis=0)).astype(int)
    return slice(max(top, 0), min(bottom, size[0])), slice(max(left, 0), min(right, size[1]))


def _moments(clip: TestClip) -> NDArray[np.int64]:
    """Eight frames spread over the speech, the widest opening among them."""
    spoken = np.flatnonzero(~clip.quiet)
    moments = np.linspace(spoken[0], spoken[-1], SHEET_MOMENTS).astype(np.int64)
    widest = int(np.nanargmax(clip.gap))
    moments[np.argmin(np.abs(moments - widest))] = widest
    return moments


def _even(frames: Picture) -> Picture:
    """Frames without an odd last row or column, which a video cannot hold."""
    return frames[:, : frames.shape[1] // 2 * 2, : frames.shape[2] // 2 * 2]


def _unit_scores(true: Sequence[Floats], predicted: Sequence[Floats], prefix: str) -> Scores:
    scores: Scores = {}
    results = unit_scores(true, predicted)
    for unit, result in zip(action_units.ACTION_UNITS, results, strict=True):
        scores |= {
            f"{prefix}{unit}_f1": result.f1,
            f"{prefix}{unit}_chance_f1": result.chance_f1,
            f"{prefix}{unit}_base_rate": result.base_rate,
            f"{prefix}{unit}_correlation": result.correlation,
            f"{prefix}{unit}_error": result.error,
        }
    return scores | {
        f"{prefix}_f1": _mean([result.f1 for result in results]),
        f"{prefix}_correlation": _mean([result.correlation for result in results]),
    }


def _mean_scores(scores: Sequence[Scores]) -> Scores:
    names = sorted({name for one in scores for name in one})
    return {name: _mean([one[name] for one in scores if name in one]) for name in names}


def _deviation(values: Floats) -> float:
    known = values[np.isfinite(values)]
    return float(known.std()) if len(known) else float("nan")


def _mean_psnr(values: Sequence[float]) -> float:
    """Mean over the pictures that differ from the truth at all: the photo itself is among the frames of its clip."""
    different = [value for value in values if value != float("inf")]
    return _mean(different) if different else float("inf")


def _mean(values: Sequence[float]) -> float:
    """Mean of the values that are not NaN; NaN if none is left."""
    known = [value for value in values if not np.isnan(value)]
    return float(np.mean(known)) if known else float("nan")
