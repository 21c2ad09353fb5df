"""How failures are answered over HTTP: for each code the status. The words are those of `engine.sentences`.

{"error": {"code": "avatar_unknown", "message": "No avatar is named “x”: ...", "details": {"name": "x"}}}
"""

from collections.abc import Mapping

from liveface.engine.errors import (
    AudioError,
    BackendError,
    CapacityError,
    CheckpointError,
    ConfigurationError,
    DeviceError,
    LivefaceError,
    MediaError,
    NotFoundError,
    OutputError,
    PeerError,
    PhotoError,
)
from liveface.engine.sentences import SENTENCES

SHOWN = 100  # characters of what a client has sent, at most, that it is told again

# Of failures that have words where they are raised, by their kinds; a code of its own has the status of its kind too.
KINDS: Mapping[type[LivefaceError], int] = {
    CapacityError: 503,
    NotFoundError: 404,
    PeerError: 400,
    ConfigurationError: 400,
    OutputError: 502,
    PhotoError: 422,
    AudioError: 422,
    MediaError: 422,
    CheckpointError: 500,
    BackendError: 500,
    DeviceError: 500,
    LivefaceError: 500,
}
# Of requests that are refused before anything is done for them.
STATUSES: Mapping[str, int] = {
    "request_malformed": 400,
    "body_not_json": 400,
    "offer_key": 400,
    "offer_missing": 400,
    "offer_value": 400,
    "mute_missing": 400,
    "push_missing": 400,
    "face_number": 400,
    "owner_in_address": 400,
    "setting_unknown": 400,
    "setting_value": 400,
    "peer_speaks": 400,
    "name_invalid": 400,
    "sdp_missing": 400,
    "sdp_line": 400,
    "sdp_too_long": 400,
    "sdp_without_media": 400,
    "sdp_media_full": 400,
    "sdp_unreadable": 400,
    "sdp_unusable": 400,
    "sdp_without_ice": 400,
    "sdp_without_dtls": 400,
    "sdp_without_mux": 400,
    "answer_refuses": 400,
    "peer_has_ended": 400,
    "token_missing": 401,
    "scope_missing": 403,
    "origin_refused": 403,
    "page_refused": 403,
    "owner_missing": 403,
    "route_unknown": 404,
    "conversation_unknown": 404,
    "avatar_unknown": 404,
    "avatar_of_others": 404,
    "push_unknown": 404,
    "session_unknown": 404,
    "method_unknown": 405,
    "not_acceptable": 406,
    "offer_without_sound": 406,
    "offer_receives_nothing": 406,
    "offer_without_codec": 406,
    "offer_over_connections": 406,
    "body_too_slow": 408,
    "upload_too_slow": 408,
    "name_taken": 409,
    "name_is_id": 409,
    "nobody_publishes": 409,
    "tag_other": 412,
    "body_too_large": 413,
    "upload_too_large": 413,
    "content_type": 415,
    "host_unknown": 421,
    "ice_restart": 422,
    "websocket_expected": 426,
    "tag_missing": 428,
    "too_many_requests": 429,
    "request_refused": 400,
    "server_failed": 500,
    "photo_worker_failed": 500,
    "server_stops": 503,
    "offers_waiting": 503,
    "offer_too_slow": 503,
    "photos_waiting": 503,
    "uploads_waiting": 503,
    "pushes_full": 503,
    "peers_full": 503,
    "conversations_full": 503,
    "ports_full": 503,
    "machine_full": 503,
    "machine_full_of_viewers": 503,
}
# Which a client meets as messages of a WebSocket or a data channel, as the end of a conversation, or as its state.
MESSAGES = (
    *("message_too_large", "invalid_json", "unknown_type", "invalid_audio", "input_audio_buffer_full"),
    *("input_audio_buffer_commit_empty", "session_ended", "session_failed", "session_deserted", "session_idle"),
    *("server_stops", "drawing_stopped"),
)

_OF_OUR_FILES = ("photo_is_folder", "photo_absent", "photo_worker_failed")  # which no upload can be
OF_PHOTOS = tuple(code for code in SENTENCES if code.startswith("photo_") and code not in _OF_OUR_FILES)


class RefusalError(LivefaceError):
    """A request that is not followed, or one message of a client."""

    kind = "request_refused"

    def __init__(self, code: str, headers: Mapping[str, str] | None = None, /, **details: object) -> None:
        """`headers`: of the answer. Texts that a client has sent are shortened."""
        shown = {name: value[:SHOWN] if isinstance(value, str) else value for name, value in details.items()}
        super().__init__(code=code, **shown)
        self.headers = dict(headers or {})


def status_of(error: LivefaceError) -> int:
    """With which a failure is answered."""
    found = STATUSES.get(error.code)
    return found or next(status for kind, status in KINDS.items() if isinstance(error, kind))


def status_of_code(code: str) -> int:
    """With which a failure of that code is answered."""
    kinds = {kind.kind: status for kind, status in KINDS.items()} | dict.fromkeys(OF_PHOTOS, KINDS[PhotoError])
    return (kinds | dict(STATUSES))[code]


def table() -> str:
    """All that a client may meet, as Markdown, for the documentation."""
    lines = ["| Code | Status | Says |", "|---|---|---|"]
    for code, status in sorted(STATUSES.items(), key=lambda pair: (pair[1], pair[0])):
        if code in SENTENCES:
            lines.append(_line(code, str(status)))
    lines += [_line(code, "422") for code in OF_PHOTOS]
    lines += [f"| `{kind.kind}` | {status} | {_about(kind)} |" for kind, status in KINDS.items()]
    lines.append(f"| `not_acceptable` | {STATUSES['not_acceptable']} | An offer that asks for what is not done here. |")
    lines += [_line(code, "message") for code in MESSAGES]
    return "\n".join(lines) + "\n"


def _line(code: str, status: str) -> str:
    places = _Places()
    words = SENTENCES[code].client or SENTENCES[code].remedy
    text = SENTENCES[code].found + (f": {words}." if words else ".")
    return f"| `{code}` | {status} | {text.format_map(places).replace('|', chr(92) + '|')} |"


class _Places(dict[str, str]):
    """Each value as its name."""

    def __missing__(self, name: str) -> str:
        return "The photo" if name == "path" else f"*{name}*"


def _about(kind: type[LivefaceError]) -> str:
    return (kind.__doc__ or "").splitlines()[0].partition(";")[0].rstrip(".") + "."
