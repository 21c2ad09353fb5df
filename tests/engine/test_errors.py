"""Tests of what failures carry, and of their words."""

import ast
import json
import pickle
import string
from pathlib import Path

import pytest

from liveface.engine.errors import DeviceError, LivefaceError, NotFoundError, PhotoError
from liveface.engine.sentences import SENTENCES

ROOT = Path(__file__).resolve().parents[2]
SOURCES = [path for folder in ("app", "engine", "ui") for path in sorted((ROOT / folder).rglob("*.py"))]


def test_one_failure_is_told_to_each_reader_in_their_words() -> None:
    error = PhotoError(code="photo_several_faces", count=2, places="1 at (5, 5), 2 at (9, 5)")
    assert str(error).endswith("choose one with --face N.")
    assert error.told("window").endswith("crop the photo so that it shows one of them.")
    assert error.told("client").endswith("choose one with face=N.")
    assert (error.code, error.details["count"]) == ("photo_several_faces", 2)
    assert str(DeviceError(code="microphone_absent")).endswith("or use --audio with a file.")
    assert "`" not in DeviceError(code="microphone_absent").told("window")


def test_paths_are_told_whole_to_their_owner_by_name_in_the_window_and_to_no_client() -> None:
    error = PhotoError(code="photo_damaged", path=Path("/home/ann/us.jpg"), reason="cut")
    assert str(error).startswith("/home/ann/us.jpg is damaged")
    assert error.told("window").startswith("us.jpg is damaged")
    assert error.as_object() == {
        "code": "photo_damaged",
        "message": "The photo is damaged or incomplete (cut): copy or export it again.",
        "details": {"reason": "cut"},
    }


def test_a_failure_with_words_of_its_own_has_the_code_of_its_kind() -> None:
    error = NotFoundError("There is no such thing: look elsewhere.")
    assert error.as_object() == {"code": "not_found", "message": str(error), "details": {}}
    assert error.told("window") == str(error)


def test_what_a_stranger_wrote_is_no_template() -> None:
    error = NotFoundError(code="avatar_unknown", name="{name.__class__} {0} {")
    assert "“{name.__class__} {0} {”" in str(error)


def test_a_failure_survives_the_way_to_another_process() -> None:
    error = pickle.loads(pickle.dumps(PhotoError(code="photo_face_number", face=3, count=2)))
    assert (str(error), error.code, error.details) == (
        "Face 3 was asked for, but the photo shows 2: choose --face 1 to 2.",
        "photo_face_number",
        {"face": 3, "count": 2},
    )


def coded() -> list[tuple[str, str, set[str]]]:
    """Where each code is written in the sources, with the names of its values."""
    found = []
    for path in SOURCES:
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Name):
                continue
            names = {word.arg for word in node.keywords if word.arg}
            if any(word.arg is None for word in node.keywords):
                continue
            place = f"{path.relative_to(ROOT)}:{node.lineno}"
            if node.func.id == "RefusalError" and isinstance(node.args[0], ast.Constant):
                found.append((place, str(node.args[0].value), names))
            elif node.func.id.endswith("Error") and "code" in names:
                code = next(word.value for word in node.keywords if word.arg == "code")
                codes = [one.value for one in ast.walk(code) if isinstance(one, ast.Constant)]
                found += [(place, str(one), names - {"code"}) for one in codes if one in SENTENCES or one == codes[0]]
    return found


def test_every_code_has_words_and_gets_the_values_of_them() -> None:
    uses = coded()
    assert len(uses) > 60
    for place, code, given in uses:
        if code == "input":  # the condition beside a choice of two codes
            continue
        assert code in SENTENCES, place
        words = SENTENCES[code]
        texts = (words.found, words.remedy, words.window or "", words.client or "")
        wanted = {name for text in texts for _, name, _, _ in string.Formatter().parse(text) if name}
        assert wanted <= given, f"{place}: {code} needs {wanted - given}"


@pytest.mark.parametrize("code", SENTENCES)
def test_a_sentence_says_what_was_found_and_ends_as_one(code: str) -> None:
    words = SENTENCES[code]
    names = {name for text in (words.found, words.remedy) for _, name, _, _ in string.Formatter().parse(text) if name}
    told = LivefaceError(code=code, **dict.fromkeys(names, "x")).as_object()["message"]
    assert isinstance(told, str)
    assert told.endswith(".")
    assert not told.endswith("..")
    assert "--face" not in told
    json.dumps(told)


def test_nobody_reads_the_words_of_a_failure_back() -> None:
    """A text that is taken to pieces is no text for people any more: whoever needs a part of it uses the values."""
    for path in SOURCES:
        if path.is_relative_to(ROOT / "engine" / "backends"):  # which meet the words of other libraries
            continue
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Attribute) and node.attr in ("partition", "removeprefix", "startswith", "split"):
                written = ast.unparse(node.value)
                assert written not in ("str(error)", "str(failure)"), f"{path}:{node.lineno}"
