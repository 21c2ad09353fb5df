"""Tests of phone labels: tables become labels, gaps stay unknown, sentences are aligned."""

from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("torch")

from engine.errors import MediaError
from engine.model.audio_encoder import PHONES
from engine.train.phones import UNKNOWN, Aligner, labels, read_table


def test_a_table_becomes_labels_and_gaps_stay_unknown(tmp_path: Path) -> None:
    table = tmp_path / "phones.csv"
    table.write_text(
        "file,start_s,end_s,phone\na.wav,0.00,0.02,SIL\na.wav,0.03,0.05,B\nb.wav,0,1,AA\na.wav,0.05,0.06,NSN\n"
    )
    found = labels(read_table(table)["a.wav"], 2)
    assert found.tolist() == [0, 0, UNKNOWN, PHONES.index("B"), PHONES.index("B"), UNKNOWN, UNKNOWN, UNKNOWN]


def test_another_table_is_refused(tmp_path: Path) -> None:
    table = tmp_path / "phones.csv"
    table.write_text("file,word\na.wav,hello\n")
    with pytest.raises(MediaError, match="expected file, start_s, end_s, phone"):
        read_table(table)
    with pytest.raises(MediaError, match="does not exist"):
        read_table(tmp_path / "absent.csv")


def test_a_sentence_is_aligned_from_start_to_end() -> None:
    pytest.importorskip("pocketsphinx")
    sound = (0.1 * np.random.default_rng(0).standard_normal(32_000)).astype(np.float32)
    aligner = Aligner()
    segments = aligner.segments(sound, "bin blue")
    if segments:  # noise need not fit the sentence, but what comes back must be in order
        starts = [start for start, _, _ in segments]
        assert starts == sorted(starts)
    assert aligner.segments(sound, "xqzzt blue") == []
