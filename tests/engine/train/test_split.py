"""Tests of the split: nobody and nothing is on both sides."""

from pathlib import Path

import pytest

from liveface.engine.errors import ConfigurationError, MediaError
from liveface.engine.train import split
from liveface.engine.train.split import Role, Split

TABLE = """speaker,clip,split,fold
s1,a,train,
s1,b,validation,
s1,c,test,
s2,a,train,A
s3,a,train,B
s4,a,train,B
"""


@pytest.fixture
def stated(tmp_path: Path) -> Split:
    (tmp_path / "clips.csv").write_text(TABLE)
    return split.read(tmp_path)


@pytest.mark.parametrize("fold", ["A", "B"])
def test_nothing_that_judges_has_taught(stated: Split, fold: str) -> None:
    strangers = stated.strangers(fold)
    taught = set(stated.learned(strangers))
    assert taught
    for use in ("validation", "test"):
        judged = stated.judged(use, strangers)
        assert judged["seen"]
        assert judged["unseen"]
        assert not taught & {*judged["seen"], *judged["unseen"]}
        assert not {speaker for speaker, _ in taught} & {speaker for speaker, _ in judged["unseen"]}
    assert not {*stated.judged("validation")["seen"]} & {*stated.judged("test")["seen"]}


def test_each_fold_is_a_stranger_to_the_others(stated: Split) -> None:
    assert stated.folds == ("A", "B")
    assert (stated.strangers("A"), stated.strangers("B")) == ({"s3", "s4"}, {"s2"})
    with pytest.raises(ConfigurationError, match=r"no fold 'C'.*A, B"):
        stated.strangers("C")


def test_a_pack_keeps_the_split_of_its_corpus(stated: Split, tmp_path: Path) -> None:
    split.write(stated, tmp_path)
    (tmp_path / "clips.csv").unlink()
    assert split.read(tmp_path) == stated


def test_without_a_table_every_ninth_clip_of_a_frequent_speaker_reports() -> None:
    names = [("a", f"{number:02}") for number in range(20)] + [("b", "x")]
    found = split.every_ninth(names)
    assert found.judged("test", {"b"}) == {"seen": [("a", "00"), ("a", "09"), ("a", "18")], "unseen": [("b", "x")]}
    assert len(found.learned()) == 18
    assert found.folds == ()


def test_clips_that_a_preparation_left_out_keep_their_place(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    for number in range(1, 10):
        (tmp_path / "a" / f"{number}.npz").touch()
    assert split.read(tmp_path).judged("test")["seen"] == [("a", "1")]
    (tmp_path / "pack.json").write_text('{"left_out": {"a/0": "no face"}}')
    assert split.read(tmp_path).judged("test")["seen"] == [("a", "0"), ("a", "9")]


def test_a_table_that_states_no_split_or_another_is_told_apart(tmp_path: Path) -> None:
    (tmp_path / "clips.csv").write_text("speaker,clip\na,b\n")
    assert split.read(tmp_path, [("a", "b")]).roles == {("a", "b"): Role()}
    (tmp_path / "clips.csv").write_text("speaker,clip,split\na,b,training\n")
    with pytest.raises(MediaError, match="says 'training' of b, expected one of train, validation, test"):
        split.read(tmp_path)


def test_the_split_of_the_data_is_disjoint(data_folder: Path) -> None:
    found = split.read(data_folder)
    assert len(found.judged("test")["seen"]) == 100
    assert found.strangers("A") | found.strangers("B") == found.speakers - {"s1"}
    assert not found.strangers("A") & found.strangers("B")
