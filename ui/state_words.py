"""How it stands, in a word."""

from liveface.ui.contracts import RunState


def state_words(standing: RunState, is_muted: bool, waits_for_talk: bool, is_slow: bool) -> tuple[str, str]:
    """The words, and the colour of their dot: live, problem or resting."""
    match standing.phase:
        case "starting":
            return "Getting ready…", "resting"
        case "stopped":
            return "Stopped", "resting"
    if standing.is_deaf:
        return "Nothing to hear", "problem"
    if is_muted:
        return "Muted", "problem"
    if waits_for_talk:
        return "Hold T to talk", "resting"
    return ("Live, but this machine is busy", "problem") if is_slow else ("Live", "live")
