"""The words of failures: for each code a sentence, made with the failure's values for who reads it.

Where a failure has a code of its own its words stand here and nowhere else, so that nobody has to read them back.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import PurePath
from typing import Literal

Reader = Literal["command line", "window", "client"]

_NAMELESS = "The photo"  # for clients, who know no path of this machine: only photos' failures have one


@dataclass(frozen=True, slots=True)
class Sentence:
    """What was `found`, and the `remedy`: that for the command line, and those for others where theirs differ.

    Values stand in braces. An empty remedy: there is none.
    """

    found: str
    remedy: str = ""
    window: str | None = None
    client: str | None = None

    def told(self, values: Mapping[str, object], reader: Reader = "command line") -> str:
        """The whole of it."""
        other = {"command line": None, "window": self.window, "client": self.client}[reader]
        remedy = self.remedy if other is None else other
        text = f"{self.found}: {remedy}." if remedy else f"{self.found}."
        return text.format(**{name: _shown(value, reader) for name, value in values.items()})


def _shown(value: object, reader: Reader) -> object:
    if isinstance(value, PurePath):
        return {"command line": value, "window": value.name, "client": _NAMELESS}[reader]
    return ", ".join(map(str, value)) if isinstance(value, list | tuple) else value


SENTENCES: Mapping[str, Sentence] = {
    # Devices
    "sound_library_missing": Sentence(
        "The PortAudio library is missing ({reason})", "install the Debian package libportaudio2"
    ),
    "sound_system_silent": Sentence("The sound system cannot be asked ({reason})", "check that it is running"),
    "microphone_absent": Sentence(
        "No microphone was found",
        "connect one and look with `liveface devices`, or use --audio with a file",
        window="connect one, or let a sound file speak",
    ),
    "speaker_absent": Sentence(
        "No speaker was found",
        "connect one and look with `liveface devices`, or use --audio with a file",
        window="nothing is heard until you connect one, stop, and start again",
    ),
    "device_unknown": Sentence("There is no {device} “{wanted}”", "choose one of {names}"),
    "device_ambiguous": Sentence(
        "Several {device}s fit “{wanted}”",
        "choose one of {names}, or its number from `liveface devices`",
        window="choose one of {names}",
    ),
    "device_busy": Sentence(
        "The {device} “{name}” cannot be opened ({reason})", "close other programs that use it, or choose another"
    ),
    "devices_changed": Sentence(
        "The sound devices have changed before “{name}” was opened",
        "look with `liveface devices`, and try again",
        window="try again",
    ),
    "device_gone": Sentence("The {device} “{name}” has gone", "there is silence until one is connected"),
    "device_replaced": Sentence("The {device} “{name}” has gone", "“{instead}” is used until it returns"),
    "device_back": Sentence("The {device} “{name}” is back"),
    "device_followed": Sentence("The {device} “{name}” is used now", "it is the system's default"),
    "display_absent": Sentence(
        "There is no display (DISPLAY and WAYLAND_DISPLAY are not set)", "start from a desktop, or use --headless"
    ),
    "display_silent": Sentence("The display {name} does not answer", "check DISPLAY, or use --headless"),
    "window_library_missing": Sentence(
        "The window needs the package PyQt6", 'pip install "liveface[desktop]", or use --headless'
    ),
    "window_library_unusable": Sentence(
        "Qt cannot open a window ({reason})", "on Debian install {packages}, or use --headless"
    ),
    # Photos
    "photo_is_folder": Sentence("{path} is a folder", "give the path of one {formats} picture"),
    "photo_absent": Sentence("{path} does not exist", "give the path of a {formats} picture"),
    "photo_unreadable": Sentence("{path} cannot be read ({reason})", "check the file and its permissions"),
    "photo_no_picture": Sentence("{path} is not a {formats} picture", "choose another file, or convert it"),
    "photo_other_format": Sentence("{path} is a {found} picture", "convert it to JPEG, PNG or WebP"),
    "photo_damaged": Sentence("{path} is damaged or incomplete ({reason})", "copy or export it again"),
    "photo_no_memory": Sentence("{path} is too large for this machine's memory", "scale it down first"),
    "photo_too_large": Sentence("{path} has more than {most} megapixels", "scale it down first"),
    "photo_too_small": Sentence("{path} has {width}x{height} pixels", "its longer side must have at least {least}"),
    "photo_several_faces": Sentence(
        "The photo shows {count} faces, from left to right {places}",
        "choose one with --face N",
        window="crop the photo so that it shows one of them",
        client="choose one with face=N",
    ),
    "photo_face_number": Sentence(
        "Face {face} was asked for, but the photo shows {count}",
        "choose --face 1 to {count}",
        client="choose face=1 to face={count}",
    ),
    "photo_too_slow": Sentence("The photo was not decoded within {seconds} s", "scale it down, or try again later"),
    "photo_takes_memory": Sentence(
        "The photo cannot be decoded with the memory that one may use", "scale it down first"
    ),
    "photo_worker_failed": Sentence("The server failed to prepare the photo", "its log says more"),
    # Requests
    "route_unknown": Sentence("Nothing is served at this address", "see docs/serving.md for what there is"),
    "method_unknown": Sentence("This address takes no {method}", "send one of {methods}"),
    "request_malformed": Sentence("The request cannot be understood as HTTP", "send it as an HTTP library makes it"),
    "request_refused": Sentence("The request was refused with status {status}", "see docs/serving.md"),
    "server_failed": Sentence("The server failed at this request", "its log says more"),
    "body_too_large": Sentence("The request's body has more than {most} bytes", "send less"),
    "body_too_slow": Sentence("The request's body did not arrive within {seconds} s", "send it again"),
    "body_not_json": Sentence("The request's body is not an object in JSON", "send one, such as {{}}"),
    "content_type": Sentence("The content is of the type {found}", "it must be {expected}"),
    "host_unknown": Sentence(
        "This server does not serve “{host}”", "open it as localhost, or allow the name with --allow-origin"
    ),
    "origin_refused": Sentence("Pages of “{origin}” may not use this server", "start it with --allow-origin {origin}"),
    "page_refused": Sentence("Pages of other sites may not use this server", "open its own page"),
    "token_missing": Sentence(
        "This server needs its token",
        "open the address that it printed when it started, or send the header “Authorization: Bearer TOKEN”",
    ),
    "scope_missing": Sentence(
        "The token allows {scopes}, and this request needs {needed}", "ask who runs the server for another token"
    ),
    "too_many_requests": Sentence("Found too many requests from your address", "ask again in {seconds} s"),
    "owner_missing": Sentence(
        "Only who opened the conversation may do this", "send the “owner” that was answered, in the header {header}"
    ),
    "owner_in_address": Sentence(
        "The secret stands in the address, where others can read it",
        "send it in the header {header}, or as the WebSocket protocol {protocol}SECRET beside liveface",
    ),
    "offer_key": Sentence("The offer has an unknown key “{key}”", "known are {known}"),
    "offer_missing": Sentence("An offer is needed", 'send {{"type": "offer", "sdp": "v=0..."}}'),
    "offer_value": Sentence("The offer's “{key}” is not a text", "send one, or leave it out"),
    "mute_missing": Sentence("Whether to mute is not said", 'send {{"muted": true}} or {{"muted": false}}'),
    "push_missing": Sentence("Where to send to is not said", 'send {{"url": "https://...", "token": "..."}}'),
    "face_number": Sentence("The face is chosen by its number from the left", "send face=1, 2 and so on"),
    "upload_too_large": Sentence("The photo has more than {megabytes} MB", "scale it down first, or save it as JPEG"),
    "upload_too_slow": Sentence("The photo did not arrive within {seconds} s", "send it again"),
    "conversation_unknown": Sentence("Found no such conversation", "it has ended, so begin a new one"),
    "avatar_unknown": Sentence("No avatar is named “{name}”", "ask for /avatars to see which there are"),
    "avatar_of_others": Sentence("No avatar of yours is named “{name}”", "only who uploaded one can delete it"),
    "push_unknown": Sentence("Found no such push of this conversation", "it has ended, or never was"),
    "session_unknown": Sentence("Found no such session", "it has ended, or never was, so POST a new offer"),
    "tag_missing": Sentence("Found no If-Match", "send the ETag of the answer in it"),
    "tag_other": Sentence("Found the entity-tag {found}", "that of this session is another"),
    "ice_restart": Sentence("ICE cannot be restarted here", "POST a new offer to go on"),
    "name_taken": Sentence(
        "Somebody else publishes “{name}”",
        "choose another name, or show that it is you with the secret that was answered, in the header {header}",
    ),
    "name_is_id": Sentence("The name is the id of a conversation", "publish under another one"),
    "nobody_publishes": Sentence("Nobody publishes “{name}” now", "ask again in {seconds} s, or start a publisher"),
    "websocket_expected": Sentence("/pcm speaks WebSocket", "connect with a client of that"),
    "setting_unknown": Sentence("Found the unknown setting “{name}”", "known are {known}"),
    "setting_value": Sentence("The setting {name} is “{found}”", "it must be {expected}"),
    "peer_speaks": Sentence("In this conversation a WebRTC peer speaks", "begin a new one for an agent"),
    "name_invalid": Sentence("The name is “{name}”", "write 1 to 64 letters of a-z and A-Z, digits, - and _"),
    # Room
    "offers_waiting": Sentence("Found {found} offers that are being answered", "send yours again"),
    "offer_too_slow": Sentence("The offer could not be answered within {seconds} s", "send it again"),
    "photos_waiting": Sentence("Found {found} photos that wait to be prepared", "upload yours again later"),
    "uploads_waiting": Sentence("Found {found} photos that are being uploaded", "send yours again"),
    "pushes_full": Sentence("Found {found} pushes of this conversation, which is the most", "end one"),
    "peers_full": Sentence("Found {found} peers in this conversation", "that is the most, so wait until one has left"),
    "conversations_full": Sentence(
        "Found {found} conversations", "{most} is the most, so ask again when one has ended"
    ),
    "ports_full": Sentence("Found no free UDP port for another connection", "try again when others have ended"),
    "machine_full": Sentence(
        "Found no room for another session of {size}",
        "it would take this machine from {load} % (sessions now: {sessions}) to {predicted} %, and {most} % is the "
        "most. End a session or choose a smaller size; of this size alone it holds {holds}",
    ),
    "machine_full_of_viewers": Sentence(
        "Found no room for another viewer",
        "it would take this machine from {load} % to {predicted} %, and {most} % is the most. "
        "End a session or another viewer",
    ),
    # Session descriptions
    "sdp_missing": Sentence("Found no WebRTC offer in the request", "send SDP that begins with v=0 and has a medium"),
    "sdp_line": Sentence(
        "Found the line “{line}” in a session description",
        "send SDP as RFC 8866 describes it, whose lines look like a=value",
    ),
    "sdp_too_long": Sentence("Found an {what} of {found} characters", "{most} is the most"),
    "sdp_without_media": Sentence("Found an {what} without any media", "it must have an m=audio or m=video section"),
    "sdp_media_full": Sentence("Found {found} media in an {what}", "{most} is the most"),
    "sdp_unreadable": Sentence("The {what} cannot be read as SDP at its section for {kind}", "send it unchanged"),
    "sdp_unusable": Sentence("The {what} cannot be used", "send it unchanged, as a WebRTC library makes it"),
    "sdp_without_ice": Sentence("Found no ICE name and password for {kind} in the {what}", "it must be one of WebRTC"),
    "sdp_without_dtls": Sentence("Found no DTLS fingerprint for {kind} in the {what}", "it must be one of WebRTC"),
    "sdp_without_mux": Sentence("Found {kind} without a=rtcp-mux in the {what}", "RTP and RTCP must share a port"),
    "answer_refuses": Sentence("The answer refuses the {kind}", "send to a server that takes pictures and sound"),
    "peer_has_ended": Sentence("The connection that these ICE candidates are for has ended", "connect again"),
    "offer_without_sound": Sentence(
        "Found no sound in the offer", "add a microphone, or any track of sound, and offer again"
    ),
    "offer_receives_nothing": Sentence(
        "Found nothing in the offer that receives", "add video and audio with direction recvonly"
    ),
    "offer_without_codec": Sentence("Found no known codec for {kind} in the offer ({offered})", "offer {wanted}"),
    "offer_over_connections": Sentence(
        "Found several sections for sound and several for pictures, with a connection for each kind",
        "set the bundle policy max-bundle, so that all share one",
    ),
    # Messages of sockets and data channels
    "message_too_large": Sentence("Found a message of {found} bytes, expected at most {most}", "send shorter pieces"),
    "invalid_json": Sentence(
        "Found a text that is no object in JSON", "send one, or, over a WebSocket, sound in a binary message"
    ),
    "unknown_type": Sentence("Found a message of type “{found}”", "known are {known}"),
    "invalid_audio": Sentence("Found no “audio” in base64", "send PCM16 in it"),
    "input_audio_buffer_full": Sentence(
        "Found {seconds} s of sound that wait to be spoken, which is the most",
        "nothing is lost, but what you send is read only as there is room",
    ),
    "input_audio_buffer_commit_empty": Sentence("Found nothing to commit", "append sound since the last commit first"),
    # Ends of conversations
    "session_ended": Sentence("The session has ended"),
    "session_failed": Sentence("The session failed unexpectedly", "the server's log says more"),
    "session_deserted": Sentence("Nobody has come back for {seconds} s"),
    "session_idle": Sentence("Nothing has been said for {seconds} s"),
    "server_stops": Sentence("The server stops", "ask again when it runs"),
    "drawing_stopped": Sentence("Nothing is drawn any more", "start the server again"),
}


def sentence(code: str, values: Mapping[str, object], reader: Reader = "command line") -> str:
    """The words of a code that has some."""
    return SENTENCES[code].told(values, reader)
