"""Tests of phone labels: tables become labels, gaps stay unknown, sentences are aligned."""

from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("torch")

from liveface.engine.errors import MediaError
from liveface.engine.model.audio_encoder import PHONES
from liveface.engine.train.phones import UNKNOWN, Aligner, labels, read_table


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


def test_a_sentence_is_aligned_with_its_sound(data_folder: Path) -> None:
    pytest.importorskip("pocketsphinx")
    from liveface.app.files.media_files import read_audio

    sound = read_audio(data_folder / "grid" / "s1" / "bbaf2n.mkv")
    segments = Aligner().segments(sound, "bin blue at f two now")
    assert " ".join(phone for _, _, phone in segments) == "SIL B IH N B L UW AE T EH F T UW N AW SIL"
    starts = {start: phone for start, _, phone in segments}
    assert min(abs(start - 0.95) for start, phone in starts.items() if phone == "B") < 0.06  # words.csv: frame 23.75


def test_a_word_that_no_dictionary_holds_makes_the_sentence_unusable() -> None:
    pytest.importorskip("pocketsphinx")
    assert Aligner().segments(np.zeros(32_000, np.float32), "xqzzt blue") == []
