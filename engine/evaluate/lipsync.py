"""Lip synchrony of a mouth with the true one: openings, landmarks, closures and audio-video embeddings.

Lengths are in inter-ocular distances (IOD, as in `face_space`), time is in frames of 40 ms.
It does not know where motion comes from or how a picture is drawn.
"""

import numpy as np
from numpy.typing import NDArray

from liveface.engine.face.face_space import LIPS

Floats = NDArray[np.float32]
Flags = NDArray[np.bool_]

CLOSED_GAP = 0.02  # IOD above neutral: lips this near touch (the mesh's inner lips never meet exactly)
OPEN_GAP = 0.04  # IOD: twice that, a mouth which is seen to be open
CLOSURE_TOLERANCE = 1  # frames by which a closure may come early or late
LONGEST_CLOSURE = 10  # frames; a longer one is a pause, not a consonant
MAXIMUM_LAG = 5  # frames searched by `best_lag`
SYNC_RANGE = 15  # frames searched by `sync_distances`, as in the SyncNet evaluation

_STILL = 1e-6  # a deviation below this carries no correlation


def mouth_correlation(true_gap: Floats, predicted_gap: Floats) -> float:
    """Pearson correlation of two mouth openings (T,); NaN when the true mouth is still, 0 when only the predicted is.

    Frames in which either value is NaN are left out.
    """
    _require_same_length(true_gap, predicted_gap)
    known = np.isfinite(true_gap) & np.isfinite(predicted_gap)
    true, predicted = true_gap[known].astype(np.float64), predicted_gap[known].astype(np.float64)
    if len(true) < 2 or true.std() < _STILL:
        return float("nan")
    if predicted.std() < _STILL:
        return 0.0
    return float(np.corrcoef(true, predicted)[0, 1])


def mouth_slope(true: NDArray[np.floating], predicted: NDArray[np.floating]) -> float:
    """How much the predicted opening (T,) grows for one of the true opening, by least squares; NaN if that is still.

    Frames that are NaN in either do not count.
    """
    known = np.isfinite(true) & np.isfinite(predicted)
    if known.sum() < 2 or np.ptp(true[known]) < 1e-6:
        return float("nan")
    return float(np.polynomial.polynomial.polyfit(true[known], predicted[known], 1)[1])


def best_lag(true_gap: Floats, predicted_gap: Floats, maximum: int = MAXIMUM_LAG) -> int:
    """The delay in frames of the predicted mouth at which it correlates best; positive means that it is late.

    Equal correlations (a still mouth) count as no delay.
    """
    _require_same_length(true_gap, predicted_gap)

    def correlation(lag: int) -> float:
        count = len(true_gap) - abs(lag)
        if count < 2:
            return -1.0
        value = mouth_correlation(*shifted(true_gap, predicted_gap, lag))
        return value if np.isfinite(value) else -1.0

    lags = sorted(range(-maximum, maximum + 1), key=abs)
    return max(lags, key=correlation)


def shifted(true_gap: Floats, predicted_gap: Floats, lag: int) -> tuple[Floats, Floats]:
    """Both openings where they overlap once the predicted one is brought forward by `lag` frames."""
    count = len(true_gap) - abs(lag)
    return true_gap[max(0, -lag) :][:count], predicted_gap[max(0, lag) :][:count]


def landmark_distance(true_points: Floats, predicted_points: Floats, inter_ocular: float = 1.0) -> float:
    """Lip landmark distance (LMD) in % of IOD: the mean over frames and the 40 lip points
    (`face_space.LIPS`: both contours of both lips), not the sum.

    Takes meshes (T, 468, 2 or more), of which x and y count, or lip points alone (T, 40, 2 or more), in the unit of
    `inter_ocular`. Each frame's lips are first centred on their own mean, so a mouth that is only in another place
    scores 0. Frames with NaN are left out; NaN if none is left.
    """
    _require_same_length(true_points, predicted_points)
    difference = lips(predicted_points) - lips(true_points)
    distance = np.linalg.norm(difference - difference.mean(axis=1, keepdims=True), axis=-1).mean(axis=1)
    known = distance[np.isfinite(distance)]
    return float(100.0 * known.mean() / inter_ocular) if len(known) else float("nan")


def landmark_distance_in_space(true_points: Floats, predicted_points: Floats, inter_ocular: float = 1.0) -> float:
    """LMD in % of IOD with depth and without centring: mean distance of the 40 lip points in x, y and z.

    Arguments as for `landmark_distance`, with three coordinates. It also counts lips that move as a whole.
    """
    _require_same_length(true_points, predicted_points)
    distance = np.linalg.norm(_chosen(predicted_points) - _chosen(true_points), axis=-1).mean(axis=1)
    known = distance[np.isfinite(distance)]
    return float(100.0 * known.mean() / inter_ocular) if len(known) else float("nan")


def closure_counts(true_gap: Floats, predicted_gap: Floats, bilabial: Flags | None = None) -> NDArray[np.int64]:
    """Closures hit, closures, falsely closed frames, open frames: int64 (4,), to be summed over clips.

    A closure is a run of frames in which the true gap is below `CLOSED_GAP`. With `bilabial` (T,), true where p, b or m
    is spoken, it must lie within one frame of such a sound. Without, it must separate two openings (`OPEN_GAP` is
    passed before and after it in the clip) and last at most `LONGEST_CLOSURE` frames. It is hit if the predicted gap is
    below `CLOSED_GAP` in some frame of the closure, or one frame to either side. An open frame is one whose true gap,
    and that of its neighbours, is above `OPEN_GAP`; it is falsely closed if the predicted gap is below `CLOSED_GAP`.
    NaN frames are neither.
    """
    _require_same_length(true_gap, predicted_gap)
    with np.errstate(invalid="ignore"):
        shut, wide, predicted_shut = true_gap < CLOSED_GAP, true_gap > OPEN_GAP, predicted_gap < CLOSED_GAP
    near_bilabial = None if bilabial is None else _widened(bilabial, CLOSURE_TOLERANCE)
    hits = events = 0
    for start, stop in runs(shut):
        if near_bilabial is None:
            counts = stop - start <= LONGEST_CLOSURE and bool(wide[:start].any() and wide[stop:].any())
        else:
            counts = bool(near_bilabial[start:stop].any())
        if counts:
            events += 1
            hits += bool(predicted_shut[max(0, start - CLOSURE_TOLERANCE) : stop + CLOSURE_TOLERANCE].any())
    open_frames = ~_widened(~wide, CLOSURE_TOLERANCE)
    return np.array([hits, events, int((open_frames & predicted_shut).sum()), int(open_frames.sum())], np.int64)


def closure_scores(true_gap: Floats, predicted_gap: Floats, bilabial: Flags | None = None) -> tuple[float, float]:
    """Recall of bilabial closures, and the share of open frames falsely closed, both 0..1 (see `closure_counts`)."""
    return closure_rates(closure_counts(true_gap, predicted_gap, bilabial))


def closure_rates(counts: NDArray[np.int64]) -> tuple[float, float]:
    """Recall and false rate, 0..1, of summed `closure_counts`; NaN where there was no closure or no open frame."""
    hits, events, false, open_frames = (float(count) for count in counts)
    return (hits / events if events else float("nan"), false / open_frames if open_frames else float("nan"))


def first_opening_delay(true_gap: Floats, predicted_gap: Floats) -> float:
    """Frames by which the predicted mouth first opens later than the true one.

    A mouth opens when its gap leaves `CLOSED_GAP` on the way to its first frame above `OPEN_GAP`, between two frames.
    NaN if either mouth never opens or is open from the first frame.
    """
    return _first_opening(predicted_gap) - _first_opening(true_gap)


def motion_per_frame(points: Floats, inter_ocular: float = 1.0) -> float:
    """Mean distance that a lip point travels from frame to frame, in % of IOD; for silence this should be 0.

    `points` are meshes (T, 468, 2 or more) or lip points (T, 40, 2 or more), in the unit of `inter_ocular`.
    """
    steps = np.linalg.norm(np.diff(lips(points), axis=0), axis=-1)
    return float(100.0 * np.nanmean(steps) / inter_ocular) if steps.size and np.isfinite(steps).any() else 0.0


def sync_distances(audio: Floats, video: Floats, reach: int = SYNC_RANGE) -> tuple[float, float, int]:
    """LSE-D, LSE-C and the offset in frames of embeddings (T, E) taken at the same frames.

    The Euclidean distance of video frame t and audio frame t + s is averaged over t for every shift s in +-reach.
    LSE-D is its minimum, LSE-C is median minus minimum, the offset is the s of the minimum (positive: the video
    is ahead of the sound). Clips of `reach` frames or fewer are refused.
    """
    _require_same_length(audio, video)
    count = len(audio)
    assert count > reach, f"{count} frames are too few for shifts of {reach}"
    shifts = range(-reach, reach + 1)
    means = []
    for shift in shifts:
        heard, seen = audio[max(0, shift) : count + min(0, shift)], video[max(0, -shift) : count - max(0, shift)]
        means.append(float(np.linalg.norm(heard - seen, axis=1).mean()))
    best = int(np.argmin(means))
    return means[best], float(np.median(means)) - means[best], shifts[best]


def lips(points: Floats) -> Floats:
    """The 40 lip points (T, 40, 2) of meshes (T, 468, 2 or more), or of lip points themselves."""
    return _chosen(points)[..., :2]


def runs(flags: Flags) -> list[tuple[int, int]]:
    """Start and stop (exclusive) of every run of true values."""
    edges = np.flatnonzero(np.diff(np.concatenate([[False], flags, [False]]).astype(np.int8)))
    return [(int(start), int(stop)) for start, stop in edges.reshape(-1, 2)]


def _chosen(points: Floats) -> Floats:
    return points if points.shape[1] == len(LIPS) else points[:, LIPS]


def _widened(flags: Flags, frames: int) -> Flags:
    kernel = np.ones(2 * frames + 1)
    return np.asarray(np.convolve(flags, kernel, mode="same") > 0.5, np.bool_)


def _first_opening(gap: Floats) -> float:
    with np.errstate(invalid="ignore"):
        passed = np.flatnonzero(gap > OPEN_GAP)
        below = np.flatnonzero(gap[: passed[0]] <= CLOSED_GAP) if len(passed) else passed
    if not len(below):
        return float("nan")
    last = int(below[-1])
    low, high = float(gap[last]), float(gap[last + 1])
    return last + (CLOSED_GAP - low) / (high - low)


def _require_same_length(true: NDArray[np.float32], predicted: NDArray[np.float32]) -> None:
    assert len(true) == len(predicted), f"sequences differ in length: {len(true)} and {len(predicted)} frames"
