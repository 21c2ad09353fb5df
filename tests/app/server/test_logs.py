"""Tests of what the server writes about itself."""

import json
import logging
import sys

from liveface.app.server.logs import JsonFormatter


def formatted(record: logging.LogRecord) -> dict[str, object]:
    line = JsonFormatter().format(record)
    assert "\n" not in line
    found = json.loads(line)
    assert isinstance(found, dict)
    return found


def test_a_record_is_one_line_of_json() -> None:
    record = logging.LogRecord("liveface", logging.WARNING, "", 1, "Found %d “things”\nhere.", (2,), None)
    found = formatted(record)
    assert (found["level"], found["logger"]) == ("warning", "liveface")
    assert found["message"] == "Found 2 “things”\nhere."
    assert str(found["time"]).endswith("+00:00")


def test_a_failure_brings_its_traceback_and_an_access_its_numbers() -> None:
    try:
        raise ValueError("why")
    except ValueError:
        record = logging.LogRecord("liveface", logging.ERROR, "", 1, "It failed.", (), sys.exc_info())
    record.access = {"status": 200}
    found = formatted(record)
    assert "ValueError: why" in str(found["traceback"])
    assert found["status"] == 200
