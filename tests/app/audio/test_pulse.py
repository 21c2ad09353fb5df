"""Tests of asking the sound server, with a real one where PulseAudio is installed."""

from pathlib import Path

import pytest

from liveface.app.audio.pulse import Endpoint, LoadedModule, endpoints, load, modules, unload
from liveface.engine.errors import DeviceError
from tests.app.audio.sound_server import sound_server


def test_a_machine_without_a_sound_server_has_no_endpoints(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PULSE_SERVER", f"unix:{tmp_path}/nowhere")
    assert endpoints("input") is None
    with pytest.raises(DeviceError, match="PulseAudio or PipeWire"):
        modules()


def test_a_machine_without_pactl_is_told_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert endpoints("output") is None
    with pytest.raises(DeviceError, match="pulseaudio-utils"):
        load("module-null-sink")


PIPEWIRE = (
    "1\tlibpipewire-module-rt\t{\n            nice.level    = -11\n            #rt.prio      = 88\n        }\t\n"
    "2\tlibpipewire-module-protocol-native\t\t\n"
    "7\tlibpipewire-module-spa-device-factory\n"
    "536870916\tmodule-null-sink\tsink_name=liveface_voice rate=48000\t\n"
)


def test_arguments_of_several_lines_as_pipewire_has_them_hide_no_module(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program = tmp_path / "pactl"
    program.write_text(f"#!/bin/sh\ncat <<'END'\n{PIPEWIRE}END\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
    assert modules() == [
        LoadedModule(1, "libpipewire-module-rt", "{"),
        LoadedModule(2, "libpipewire-module-protocol-native", ""),
        LoadedModule(7, "libpipewire-module-spa-device-factory", ""),
        LoadedModule(536870916, "module-null-sink", "sink_name=liveface_voice rate=48000"),
    ]


def test_a_real_server_tells_its_endpoints_and_loads_and_unloads(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with sound_server(tmp_path) as environment:
        monkeypatch.setenv("PULSE_SERVER", environment["PULSE_SERVER"])
        assert endpoints("input") == [Endpoint("desk", "Desk", 2, 48_000, True)]
        number = load("module-null-sink", "sink_name=extra", "channels=1")
        assert [(one.name, one.channels, one.is_default) for one in endpoints("output", "extra") or []] == [
            ("room", 2, False),
            ("extra", 1, True),
        ]
        assert (number, "module-null-sink", "sink_name=extra channels=1") in [
            (module.number, module.kind, module.argument) for module in modules()
        ]
        unload(number)
        with pytest.raises(DeviceError, match="unload-module"):
            unload(number)
