"""Tests of articulation: two alphabets, one mouth."""

import numpy as np
import pytest

from liveface.engine.model.audio_encoder import PHONES
from liveface.engine.train.articulation import (
    BILABIAL,
    FEATURES,
    LABIODENTAL,
    OPEN,
    ROUNDED,
    SILENCE,
    SPREAD,
    describe,
    describe_labels,
    spelling,
    uses_cmu,
)


@pytest.mark.parametrize(("cmu", "ipa"), [("P", "p"), ("CH", "ʧ"), ("AY1", "I"), ("W", "w"), ("Y", "j"), ("NG", "ŋ")])
def test_both_alphabets_describe_the_same_sounds(cmu: str, ipa: str) -> None:
    told = [
        describe([(0.0, 0.2, "SIL"), (0.2, 0.4, phone), (0.4, 0.44, mark)], 11)
        for phone, mark in ((cmu, "AH"), (ipa, "ʌ"))
    ]
    np.testing.assert_array_equal(*told)
    assert np.isfinite(told[0]).all()


def test_every_phone_of_the_dictionary_is_known() -> None:
    assert all(spelling(phone, cmu=True) for phone in PHONES[1:])
    assert spelling("NSN", cmu=True) == ""


def test_length_stress_and_nasality_do_not_matter() -> None:
    assert [spelling(phone, cmu=False) for phone in ("iː", "pʰ", "ɐ̃", "ũ", "õ")] == ["i", "p", "ɐ", "u", "o"]


def test_lips_do_what_phonetics_says() -> None:
    told = {letter: describe([(0.0, 0.04, letter), (0.04, 0.08, "ə")], 2)[0] for letter in "pfuiaw"}
    assert told["p"][BILABIAL] == told["f"][LABIODENTAL] == told["u"][ROUNDED] == told["i"][SPREAD] == 1.0
    assert told["w"][ROUNDED] == 1.0
    assert told["a"][OPEN] > 0.9 > 0.2 > told["u"][OPEN]


def test_a_diphthong_moves_from_one_vowel_to_the_other() -> None:
    told = describe([(0.0, 0.2, "OW"), (0.2, 0.24, "P")], 6)
    assert told[0, ROUNDED] != told[19, ROUNDED]
    assert told[0, ROUNDED] == told[9, ROUNDED]


def test_a_time_without_a_phone_is_unknown_and_silence_is_not() -> None:
    told = describe([(0.0, 0.08, "SIL"), (0.12, 0.16, "AA")], 4)
    assert told[:8, SILENCE].tolist() == [1.0] * 8
    assert np.isnan(told[8:12]).all()
    assert told.shape == (16, len(FEATURES))
    assert np.isfinite(told[12:]).all()


def test_labels_are_described_as_the_segments_they_came_from() -> None:
    labels = np.repeat(np.array([0, PHONES.index("OW"), -1, PHONES.index("B")], np.int8), 10)
    told = describe_labels(labels)
    np.testing.assert_array_equal(told, describe([(0.0, 0.1, "SIL"), (0.1, 0.2, "OW"), (0.3, 0.4, "B")], 10))


def test_the_alphabet_is_seen_from_the_phones() -> None:
    assert uses_cmu([(0.0, 0.1, "SIL"), (0.1, 0.2, "AA1")])
    assert not uses_cmu([(0.0, 0.1, "SIL"), (0.1, 0.2, "I"), (0.2, 0.3, "t")])
