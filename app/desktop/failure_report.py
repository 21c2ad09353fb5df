"""What is told of a failure that nobody has foreseen: a sentence for the user, and a report to pass on.

Knows nothing of where either is shown.
"""

import platform
import traceback
from importlib.metadata import PackageNotFoundError, version


def unforeseen(error: BaseException) -> str:
    """One sentence for who sees it."""
    told = f"{type(error).__name__}: {error}".splitlines()[0].removesuffix(": ")
    return f"Something has failed that should not ({told}): try again, and please pass on the report."


def report_of(error: BaseException) -> str:
    """What who mends it must know: versions, and where it happened. Names no file and no sound of the user's."""
    try:
        own = version("liveface")
    except PackageNotFoundError:
        own = "unknown"
    about = f"liveface {own}, Python {platform.python_version()}, {platform.platform()}"
    return f"{about}\n{''.join(traceback.format_exception(error))}"
