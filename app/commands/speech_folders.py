"""Folders of transcribed speech, as the training commands read them."""

from pathlib import Path
from typing import TYPE_CHECKING

from liveface.app.files import media_files

if TYPE_CHECKING:
    from liveface.engine.train.speech_dataset import Recording


def unfilmed_speech(folder: Path) -> "list[Recording]":
    """The recordings of a folder of transcribed speech whose phones are known."""
    from liveface.engine.train import phones
    from liveface.engine.train.speech_dataset import unfilmed

    segments = phones.read_table(folder / "phones.csv")
    recordings = []
    for row in phones.read_utterances(folder / "utterances.csv"):
        if row["file"] in segments:
            sound = media_files.read_audio(folder / row["file"])
            recordings.append(unfilmed(row["speaker"], sound, segments[row["file"]]))
    return recordings
