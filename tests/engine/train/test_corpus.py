"""The corpora on disk: GRID as distributed, TCD-TIMIT, and the project's own folder."""

import csv
from pathlib import Path

import pytest

from liveface.engine.errors import MediaError
from liveface.engine.train import corpus
from liveface.engine.train.corpus import Segment


def touch(folder: Path, *names: str, content: str = "") -> None:
    for name in names:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content)


@pytest.mark.parametrize(
    ("name", "sentence"),
    [
        ("bbaf2n", "bin blue at f two now"),
        ("lgiz0s", "lay green in z zero soon"),
        ("swwqzp", "set white with q zero please"),
        ("prbk9a", "place red by k nine again"),
        ("bbaw2n", ""),  # GRID has no letter w
        ("sa1", ""),
        ("bbaf2nn", ""),
    ],
)
def test_a_grid_name_gives_its_sentence_and_any_other_name_gives_none(name: str, sentence: str):
    assert corpus.sentence_of(name) == sentence


def test_grid_as_unpacked_from_its_archives_is_found_with_sound_and_alignments_beside(tmp_path: Path):
    touch(tmp_path, "s1/video/mpg_6000/bbaf2n.mpg", content="larger")
    touch(tmp_path, "s1/video/mpg_vcd/bbaf2n.mpg", "s10/video/mpg_vcd/lgiz0s.mpg", content="small")
    touch(tmp_path, "audio_25k/s1/bbaf2n.wav", "s10/video/mpg_vcd/.DS_Store")
    touch(tmp_path, "alignments/s1/bbaf2n.align", content="0 23750 sil\n23750 29500 bin\n")
    first, second = corpus.find_clips(tmp_path)
    assert (first.speaker, first.name) == ("s1", "bbaf2n")
    assert first.video == tmp_path / "s1/video/mpg_6000/bbaf2n.mpg"
    assert first.audio == tmp_path / "audio_25k/s1/bbaf2n.wav"
    assert first.words == (Segment(0, 15200, "sil"), Segment(15200, 18880, "bin"))
    assert (second.speaker, second.audio, second.words) == ("s10", second.video, ())
    assert second.transcript == "lay green in z zero soon"


def test_the_folder_of_one_speaker_may_be_given_alone(tmp_path: Path):
    touch(tmp_path, "s3/bbaf2n.mpg")
    (clip,) = corpus.find_clips(tmp_path / "s3")
    assert clip.speaker == "s3"


def test_tcd_timit_gives_the_straight_camera_of_volunteers_and_lipspeakers(tmp_path: Path):
    for camera in ("straightcam", "30degcam"):
        touch(tmp_path, f"volunteers/01M/Clips/{camera}/sa1.mp4", f"lipspeakers/Lipspkr1/Clips/{camera}/si567.mp4")
    touch(tmp_path, "volunteers/01M/Clips/straightcam/sa1.txt", content="0 46797 She had your dark suit.\n")
    touch(tmp_path, "volunteers/01M/Clips/straightcam/sa1.csv")
    label_file = '#!MLF!#\n"Q:/TCD-TIMIT/volunteers/01M/Clips/straightcam/sa1.rec"\n0 500000 sil\n500000 900000 sh\n.\n'
    touch(tmp_path, "labels/volunteer_labelfiles.mlf", content=label_file)
    lipspeaker, volunteer = sorted(corpus.find_clips(tmp_path), key=lambda clip: clip.name == "sa1")
    assert (lipspeaker.speaker, lipspeaker.name, lipspeaker.transcript) == ("Lipspkr1", "si567", "")
    assert (volunteer.speaker, volunteer.transcript) == ("01M", "she had your dark suit")
    assert volunteer.phones == (Segment(0, 800, "sil"), Segment(800, 1440, "sh"))
    assert lipspeaker.phones == ()
    assert volunteer.openface == tmp_path / "volunteers/01M/Clips/straightcam/sa1.csv"
    assert "30degcam" not in str(volunteer.video)


def test_a_folder_with_clips_csv_gives_the_clips_it_lists(tmp_path: Path):
    touch(tmp_path, "grid/s1/bbaf2n.mkv", "grid_original/s1/bbaf2n.mpg", "grid/s1/bbaf3s.mkv", "portraits/a.mp4")
    touch(tmp_path, "clips.csv", content="speaker,clip,frames\ns1,bbaf2n,75\ns1,lost00,75\n")
    touch(tmp_path, "words.csv", content="speaker,clip,start_frame,end_frame,word\ns1,bbaf2n,0.0,23.75,sil\n")
    (clip,) = corpus.find_clips(tmp_path)
    assert clip.video == tmp_path / "grid/s1/bbaf2n.mkv"
    assert clip.words == (Segment(0, 15200, "sil"),)


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("notes.md", "", "holds no video clip"),
        ("clips.csv", "speaker;clip\n", "no column clip, speaker"),
        ("s1/bbaf2n.align", "zero one sil\n", "expected: start, end, what is said"),
    ],
)
def test_a_folder_that_is_no_corpus_is_refused(tmp_path: Path, name: str, content: str, message: str):
    touch(tmp_path, name, content=content)
    with pytest.raises(MediaError, match=message):
        corpus.find_clips(tmp_path)


def test_a_missing_folder_is_refused(tmp_path: Path):
    with pytest.raises(MediaError, match="does not exist"):
        corpus.find_clips(tmp_path / "nowhere")


def test_the_original_grid_clips_are_all_found(data_folder: Path):
    clips = corpus.find_clips(data_folder / "grid_original")
    assert len(clips) == 14
    assert {clip.speaker for clip in clips} == {"s1", "s2", "s16", "s30", "s33"}
    assert sum(bool(clip.words) for clip in clips) == 4
    assert all(clip.transcript and clip.audio == clip.video for clip in clips)
    first = next(clip for clip in clips if clip.name == "bbaf2n")
    assert " ".join(word.text for word in first.words if word.text != "sil") == first.transcript


def test_the_data_folder_has_every_clip_of_its_table_and_the_same_words_as_the_original(data_folder: Path):
    clips = {(clip.speaker, clip.name): clip for clip in corpus.find_clips(data_folder)}
    with (data_folder / "clips.csv").open(newline="", encoding="utf-8") as table:
        assert set(clips) == {(row["speaker"], row["clip"]) for row in csv.DictReader(table)}
    original = next(clip for clip in corpus.find_clips(data_folder / "grid_original") if clip.name == "bbaf2n")
    assert clips["s1", "bbaf2n"].words == original.words
