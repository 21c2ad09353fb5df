"""Invented speakers with a known mouth: packs for tests."""

import json
from dataclasses import asdict
from pathlib import Path

import cv2
import numpy as np

from liveface.engine.face import action_units, face_space
from liveface.engine.hearing.features import HOPS_PER_FRAME
from liveface.engine.media import HOP, Picture
from liveface.engine.model.audio_encoder import PHONES

SCALE, CENTRE = 40.0, np.array([90.0, 70.0, 0.0], np.float32)  # pixels per IOD, and where the face is
FRAMES = 50


def openings(seed: int) -> np.ndarray:
    """Syllables: the mouth opens four times and closes between, in IOD, float32 (FRAMES,)."""
    random = np.random.default_rng(seed)
    gap = np.zeros(FRAMES, np.float32)
    for start in (6, 16, 26, 36):
        gap[start : start + 8] = 0.12 * random.uniform(0.7, 1.0) * np.sin(np.linspace(0, np.pi, 8))
    return gap


def code_of(gap: np.ndarray) -> np.ndarray:
    """The smallest motion that opens the mouth by `gap` (T,): (T, D)."""
    weights = face_space.basis().gap_weights()
    return (gap[:, None] * weights / (weights @ weights)).astype(np.float32)


def points_of(code: np.ndarray) -> np.ndarray:
    """The mesh in pixels of the average face, (T, 468, 3)."""
    basis = face_space.basis()
    return (SCALE * (basis.template + basis.decode(code)) + CENTRE).astype(np.float32)


def pictures_of(code: np.ndarray) -> Picture:
    """A grey face with a dark mouth as open as the code says, uint8 (T, 160, 180, 3)."""
    points = points_of(code)
    pictures = np.full((len(code), 160, 180, 3), 150, np.uint8)
    for picture, mesh in zip(pictures, points, strict=True):
        cv2.fillPoly(picture, [mesh[face_space.OUTER_LIPS, :2].round().astype(np.int32)], (200, 90, 90))
        cv2.fillPoly(picture, [mesh[face_space.INNER_LIPS, :2].round().astype(np.int32)], (20, 10, 10))
    return pictures


def sound_of(gap: np.ndarray, seed: int) -> np.ndarray:
    """Noise as loud as the mouth is open, float32 (640 T,)."""
    noise = np.random.default_rng(seed).normal(0, 0.5, HOP * len(gap))
    return (noise * np.repeat(gap + 1e-4, HOP)).astype(np.float32)


def write_pack(folder: Path, speakers: dict[str, int], with_pictures: bool = True) -> Path:
    """A pack of invented speakers with so many clips each."""
    seed = 0
    for speaker, count in speakers.items():
        (folder / speaker).mkdir(parents=True)
        for number in range(count):
            seed += 1
            gap = openings(seed)
            code = code_of(gap)
            basis = face_space.basis()
            phones = np.zeros(HOPS_PER_FRAME * FRAMES, np.int8)
            phones[4 * 14 : 4 * 16] = PHONES.index("M")
            np.savez(
                folder / speaker / f"clip{number:02}.npz",
                audio=sound_of(gap, seed),
                points=points_of(code),
                valid=np.ones(FRAMES, bool),
                code=code,
                action_units=action_units.from_landmarks(basis.decode(code)),
                gap=gap,
                phones=phones,
            )
            if with_pictures:
                np.save(folder / speaker / f"clip{number:02}.frames.npy", pictures_of(code))
    np.savez(folder / "basis.npz", **asdict(face_space.basis()))
    (folder / "pack.json").write_text(json.dumps({"version": 1, "speakers": sorted(speakers), "left_out": {}}))
    return folder
