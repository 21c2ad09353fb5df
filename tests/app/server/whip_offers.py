"""What programs send: session descriptions as FFmpeg, OBS and players write them, shortened."""

_CODECS = {"audio": "opus/48000/2", "video": "VP8/90000"}
_FINGERPRINT = ":".join(["AB"] * 32)


def offer(*media: tuple[str, str], names: str = "abcd") -> str:
    """Sections of a kind and a direction each, numbered from 0."""
    lines = ["v=0", "o=- 1 2 IN IP4 127.0.0.1", "s=-", "t=0 0"]
    lines.append("a=group:BUNDLE " + " ".join(str(number) for number, _ in enumerate(media)))
    for number, (kind, direction) in enumerate(media):
        lines += [f"m={kind} 9 UDP/TLS/RTP/SAVPF 96", f"a=mid:{number}", f"a={direction}"]
        lines += [f"a=ice-ufrag:{names}", "a=ice-pwd:secret", f"a=fingerprint:sha-256 {_FINGERPRINT}"]
        lines += ["a=setup:actpass", "a=rtcp-mux", f"a=rtpmap:96 {_CODECS.get(kind, 'none/1')}"]
    return "\r\n".join([*lines, ""])


SOUND = offer(("audio", "sendonly"))
OBS = offer(("audio", "sendonly"), ("video", "sendonly"))
PLAYER = offer(("video", "recvonly"), ("audio", "recvonly"))


def candidates(names: str = "abcd") -> str:
    """A fragment as browsers trickle it."""
    return (
        f"a=ice-ufrag:{names}\r\na=ice-pwd:secret\r\nm=audio 9 RTP/AVP 0\r\na=mid:0\r\n"
        "a=candidate:1 1 udp 2122260223 127.0.0.1 61764 typ host\r\n"
    )
