"""Tests of docs/robustness.md: what proves each of its lines is there."""

import re
from pathlib import Path

TESTS = Path(__file__).resolve().parent
TABLE = (TESTS.parent / "docs" / "robustness.md").read_text(encoding="utf-8")


def test_every_line_names_a_test_that_exists() -> None:
    rows = [line for line in TABLE.splitlines() if line.startswith("| ") and "::" in line]
    assert len(rows) >= 60
    for row in rows:
        (named,) = re.findall(r"`(test_\w+)::(test_\w+)` \|$", row)
        stem, function = named
        texts = [path.read_text(encoding="utf-8") for path in TESTS.rglob(f"{stem}.py")]
        assert any(re.search(rf"def {function}\(", text) for text in texts), row


def test_no_line_stands_twice() -> None:
    proofs = re.findall(r"`(test_\w+::test_\w+)` \|$", TABLE, re.MULTILINE)
    assert len(set(proofs)) == len(proofs)
