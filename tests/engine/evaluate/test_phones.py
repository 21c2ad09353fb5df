"""Tests of the phone table: mouths that do what they should, and mouths that do not."""

from collections.abc import Callable

import numpy as np
import pytest

from liveface.engine.evaluate.phones import ALL, Utterance, phone_scores
from liveface.engine.face import face_space
from liveface.engine.media import HOP, Motion, Samples
from liveface.engine.train import measures
from liveface.engine.train.measures import GAP, PROTRUSION, WIDTH

BASIS = face_space.basis()
PHONES = ["SIL", "p", "a", "f", "i", "m", "u", "SIL"]
SEGMENTS = [(0.2 * k, 0.2 * (k + 1), phone) for k, phone in enumerate(PHONES)]
PCM = np.zeros(int(16_000 * 0.2 * len(PHONES)), np.float32)

GAPS = {"p": 0.0, "m": 0.0, "f": 0.008, "a": 0.12, "i": 0.05, "u": 0.04, "SIL": 0.0}
WIDTHS = {"i": 0.02, "u": -0.022}


def answering(gaps: dict[str, float], widths: dict[str, float]) -> Callable[[Samples], list[Motion]]:
    def hear(pcm: Samples) -> list[Motion]:
        wanted = np.zeros((5 * len(PHONES), len(measures.MEASURES)), np.float32)
        for place, phone in enumerate(PHONES):
            wanted[5 * place : 5 * place + 5, GAP] = gaps.get(phone, 0.0)
            wanted[5 * place : 5 * place + 5, WIDTH] = widths.get(phone, 0.0)
            wanted[5 * place : 5 * place + 5, PROTRUSION] = 0.01 if phone == "u" else 0.0
        code = (wanted @ np.linalg.pinv(measures.matrix(BASIS))).astype(np.float32)
        units = np.zeros(7, np.float32)
        return [Motion(t, units, row, pcm[t * HOP : (t + 1) * HOP], True) for t, row in enumerate(code)]

    return hear


def test_a_mouth_that_does_as_phonetics_says_scores_as_constructed() -> None:
    scores = phone_scores([Utterance("xx", "anna", PCM, SEGMENTS)], answering(GAPS, WIDTHS), BASIS)
    assert set(scores) == {ALL, "xx"}
    row = scores["xx"]
    assert row == pytest.approx(scores[ALL], nan_ok=True)
    assert (row["bilabials"], row["bilabial_shut"], row["vowels_shut"]) == (2, 1.0, 0.0)
    assert row["labiodental_gap"] == pytest.approx(0.008, abs=1e-4)
    assert row["rounding_contrast"] == pytest.approx(0.042, abs=1e-4)
    assert row["protrusion_contrast"] == pytest.approx(0.01, abs=1e-4)
    assert row["open_vowel_gap"] == pytest.approx(0.12, abs=1e-4)
    assert row["close_vowel_gap"] == pytest.approx(0.045, abs=1e-4)
    assert np.isnan(row["mid_vowel_gap"])
    assert row["lip_speed"] > 0.1


def test_a_mouth_that_never_shuts_and_one_that_never_opens_are_both_seen() -> None:
    utterance = [Utterance("xx", "anna", PCM, SEGMENTS)]
    opened = phone_scores(utterance, answering(dict.fromkeys(GAPS, 0.05), {}), BASIS)[ALL]
    assert (opened["bilabial_shut"], opened["vowels_shut"], opened["rounding_contrast"]) == (
        0.0,
        0.0,
        pytest.approx(0.0, abs=1e-6),
    )
    shut = phone_scores(utterance, answering({}, {}), BASIS)[ALL]
    assert (shut["bilabial_shut"], shut["vowels_shut"]) == (1.0, 1.0)


def test_languages_are_told_apart_and_both_alphabets_read() -> None:
    cmu = [(a, b, {"p": "P", "a": "AA1", "f": "F", "i": "IY0", "m": "M", "u": "UW"}.get(p, p)) for a, b, p in SEGMENTS]
    scores = phone_scores(
        [Utterance("en", "anna", PCM, cmu), Utterance("fr", "ben", PCM, SEGMENTS)], answering(GAPS, WIDTHS), BASIS
    )
    assert set(scores) == {ALL, "en", "fr"}
    assert scores["en"] == pytest.approx(scores["fr"], nan_ok=True)
    assert scores[ALL]["utterances"] == 2
