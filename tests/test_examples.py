"""Tests that the examples fit the libraries that are installed: each is loaded, up to what its main program does."""

import runpy
from pathlib import Path

import pytest

FRAMEWORKS = {"livekit_avatar": "livekit.agents", "pipecat_avatar": "pipecat"}
EXAMPLES = sorted((Path(__file__).parents[1] / "examples").glob("*.py"))


@pytest.mark.filterwarnings("ignore:'audioop' is deprecated:DeprecationWarning")  # of Pipecat
@pytest.mark.parametrize("path", EXAMPLES, ids=[path.stem for path in EXAMPLES])
def test_an_example_finds_all_that_it_names(path: Path) -> None:
    if framework := FRAMEWORKS.get(path.stem):
        pytest.importorskip(framework, reason=f"{framework} is absent: install its extra")
    assert runpy.run_path(str(path))["__doc__"]
