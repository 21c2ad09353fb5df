"""An object in JSON that a stranger has sent."""

import json


def parse_object(text: str | bytes) -> dict[str, object] | None:
    """Its content; None for anything else."""
    try:
        document = json.loads(text)
    except (ValueError, RecursionError):
        return None
    return document if isinstance(document, dict) else None
