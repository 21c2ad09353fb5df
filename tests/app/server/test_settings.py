"""Tests of what a server can be set to: files, the environment, the command line, and what is refused."""

import subprocess
from pathlib import Path

import pytest

from liveface.app.server.settings import ServeSettings, combined
from liveface.app.server.webrtc.peer import IceServer
from liveface.engine.errors import ConfigurationError

TOKEN = "a-token-of-some-length"


def written(folder: Path, text: str) -> Path:
    path = folder / "serve.toml"
    path.write_text(text)
    return path


def test_the_command_line_wins_over_the_environment_over_the_file_over_the_defaults(tmp_path: Path) -> None:
    path = written(tmp_path, f'port = 1\nsize = "256x256"\nidle_seconds = 5\ntoken = "{TOKEN}"\nstun = ["stun:a"]')
    settings = combined(path, {"port": 2}, {"LIVEFACE_TOKEN": TOKEN + "2"})
    assert (settings.port, settings.size, settings.idle_seconds) == (2, "256x256", 5)
    assert settings.token == TOKEN + "2"
    assert settings.lookahead == ServeSettings().lookahead
    assert settings.peers().ice_servers == (IceServer(("stun:a",)),)
    assert combined(path, {"token": TOKEN + "3"}, {"LIVEFACE_TOKEN": TOKEN}).token == TOKEN + "3"
    assert combined(None, {}, {}) == ServeSettings()


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("colour = 1", "unknown key “colour”: known are host, port"),
        ("port = ", "cannot be read as TOML"),
        ('port = "80"', "port is '80': it must be a whole number from 0 to 65535"),
        ("port = true", "port is True: it must be a whole number"),
        ("port = 1.5", "port is 1.5: it must be a whole number"),
        ("port = 70000", "port is 70000: it must be a whole number from 0 to 65535"),
        ("lookahead = 7", "lookahead is 7: it must be a number of frames from 0 to 6"),
        ('codec = "av1"', "codec is 'av1': it must be vp8 or h264"),
        ("token = 12345678901234567890", "token is of the kind int: it must be a text"),
        ('stun = "stun:a"', "stun is 'stun:a': it must be a list of texts"),
        ("turn = [1]", "turn is of the kind list: it must be a list of texts"),
        ("push_to = [[[1]]]", "it must be a list of texts"),
    ],
)
def test_a_file_with_a_mistake_is_refused(tmp_path: Path, text: str, reason: str) -> None:
    with pytest.raises(ConfigurationError, match=reason):
        combined(written(tmp_path, text), {}, {})


def test_a_file_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="cannot be read"):
        combined(tmp_path / "none.toml", {}, {})


@pytest.mark.parametrize(
    "given",
    [
        {"port": -1},
        {"max_sessions": 0},
        {"bitrate": 1},
        {"lookahead": 7},
        {"idle_seconds": 0.0},
        {"idle_seconds": float("nan")},
        {"codec": "av1"},
        {"size": "9x9"},
        {"cert": "cert.pem"},
        {"token": "short"},
        {"token": "sixteen letters\n!"},
        {"allow_origin": ("*",)},
        {"push_to": ("example.org",)},
        {"stun": ("turn:a",)},
        {"stun": ("stun:",)},
        {"stun": ("stun:user:secret@a",)},
        {"turn": ("turn:a",)},
        {"turn": ("turn:user@a",)},
        {"turn": ("http:user:secret@a",)},
    ],
)
def test_a_setting_that_cannot_be_is_refused(given: dict[str, object]) -> None:
    with pytest.raises(ConfigurationError):
        combined(None, given, {})


def test_a_refused_turn_server_is_not_repeated() -> None:
    with pytest.raises(ConfigurationError) as refused:
        combined(None, {"turn": ("turn:user:hunter2@",)}, {})
    assert "hunter2" not in str(refused.value)


def test_a_turn_server_comes_with_user_and_secret() -> None:
    settings = ServeSettings(turn=("turns:user:s%40cr:et@turn.example.org:5349?transport=tcp",))
    assert settings.ice_servers() == (IceServer(("turns:turn.example.org:5349?transport=tcp",), "user", "s@cr:et"),)


def test_only_a_loopback_address_is_local() -> None:
    assert ServeSettings().access().is_local
    assert not ServeSettings(host="0.0.0.0", token=TOKEN).access().is_local


def test_https_needs_a_certificate_and_its_key(tmp_path: Path) -> None:
    cert, key = tmp_path / "cert.pem", tmp_path / "key.pem"
    with pytest.raises(ConfigurationError, match="does not exist"):
        ServeSettings(cert=str(cert), key=str(key)).tls()
    cert.write_text("nonsense")
    key.write_text("nonsense")
    with pytest.raises(ConfigurationError, match="cannot be used"):
        ServeSettings(cert=str(cert), key=str(key)).tls()
    make_certificate(cert, key)
    assert ServeSettings(cert=str(cert), key=str(key)).tls() is not None
    assert ServeSettings().tls() is None


def make_certificate(cert: Path, key: Path) -> None:
    files = ("-keyout", str(key), "-out", str(cert))
    kind = (
        "-newkey",
        "ec",
        "-pkeyopt",
        "ec_paramgen_curve:prime256v1",
        "-nodes",
        "-days",
        "2",
        "-subj",
        "/CN=localhost",
    )
    subprocess.run(["openssl", "req", "-x509", *kind, *files], check=True, capture_output=True)


def test_ports_and_peers_may_be_narrowed() -> None:
    settings = ServeSettings(udp_ports="50000-50002", public_peers_only=True)
    assert settings.port_range() == range(50000, 50003)
    assert settings.peers().public_only
    assert ServeSettings().port_range() is None


@pytest.mark.parametrize("text", ["", "50000", "50002-50000", "80-90", "50000-70000", "a-b", "50000-50001-50002"])
def test_what_is_no_range_of_ports_is_refused(text: str) -> None:
    with pytest.raises(ConfigurationError, match="50000-50100"):
        ServeSettings(udp_ports=text)
