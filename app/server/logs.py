"""What the server writes about itself on standard error: how much, in which form. Knows nothing of what is written."""

import json
import logging
from datetime import UTC, datetime
from typing import Literal

LogLevel = Literal["debug", "info", "warning", "error"]
LogFormat = Literal["text", "json"]

_TEXT = "%(asctime)s %(levelname)s %(message)s"
_LIBRARIES = ("aiohttp", "aiortc", "aioice")


def configure(level: LogLevel, form: LogFormat) -> None:
    """Let the program write its log; what libraries say of what strangers send is left out, except at `debug`."""
    handler = logging.StreamHandler()
    handler.setFormatter(JsonFormatter() if form == "json" else logging.Formatter(_TEXT))
    root = logging.getLogger()
    for old in list(root.handlers):
        if isinstance(old, logging.StreamHandler) and type(old.formatter) in (logging.Formatter, JsonFormatter):
            root.removeHandler(old)
    root.addHandler(handler)
    logging.getLogger("liveface").setLevel(level.upper())
    # Anyone can send what is no HTTP, so what the libraries say of it is of no use in a log.
    for library in _LIBRARIES:
        logging.getLogger(library).setLevel(logging.INFO if level == "debug" else logging.CRITICAL)


class JsonFormatter(logging.Formatter):
    """One object a line: `time`, `level`, `logger`, `message`, the numbers of an access, the traceback of a failure."""

    def format(self, record: logging.LogRecord) -> str:
        """A record as JSON."""
        line: dict[str, object] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
        }
        numbers = getattr(record, "access", None)
        if isinstance(numbers, dict):
            line |= numbers
        if record.exc_info:
            line["traceback"] = self.formatException(record.exc_info)
        return json.dumps(line)
