"""Writes the options of all commands into docs/commands.md, and docs/settings.md. A test tells when it must be run."""

from collections.abc import Iterator
from dataclasses import MISSING, fields
from pathlib import Path
from typing import Any

from typer.main import get_command

from liveface.app.cli import SUMMARIES, command_line
from liveface.app.desktop.preferences import Preferences
from liveface.app.files.schema import expected
from liveface.app.server.settings import TOKEN_VARIABLE, TURN_VARIABLE, ServeSettings

DOCUMENTS = Path(__file__).resolve().parents[1] / "docs"
COMMANDS, SETTINGS = DOCUMENTS / "commands.md", DOCUMENTS / "settings.md"
BEGIN, END = "<!-- options: scripts/list_options.py -->\n", "<!-- end of options -->\n"


def main() -> None:
    COMMANDS.write_text(commands(), encoding="utf-8")
    SETTINGS.write_text(settings(), encoding="utf-8")


def commands() -> str:
    """docs/commands.md with the options as they are now."""
    before, _, rest = COMMANDS.read_text(encoding="utf-8").partition(BEGIN)
    return before + BEGIN + "\n".join(_tables()) + "\n" + END + rest.partition(END)[2]


def settings() -> str:
    """docs/settings.md: what a file of `liveface serve` and that of the window may hold."""
    meanings = {option.name: option.help for option in _command("serve").params}
    meanings["turn_secret"] = (
        "Makes short-lived credentials for TURN servers that are named without a user; "
        f"the variable {TURN_VARIABLE} or the file, see [serving.md](serving.md#stun-and-turn)."
    )
    return "\n".join(
        (
            "# Settings",
            "",
            "Made by `python scripts/list_options.py` from the code.",
            "",
            "## The file of `liveface serve --config`",
            "",
            "TOML, such as `max_sessions = 4`. The command line wins over the environment "
            f"(`{TOKEN_VARIABLE}`, `{TURN_VARIABLE}`), which wins over the file. An unknown key, or a value that is "
            "not as expected, is refused.",
            "",
            *_rows(("Key", "Expected", "Default", "Meaning"), _keys(ServeSettings, meanings)),
            "",
            "## The window's `preferences.json`",
            "",
            "The window writes it; [commands.md](commands.md#where-files-lie) says where it lies. A value that is not "
            "as expected gives way to the default, is told, and leaves all others; an unknown key is kept.",
            "",
            *_rows(("Key", "Expected", "Default"), ((key, *row) for key, *row, _ in _keys(Preferences, {}))),
            "",
        )
    )


def _keys(kind: type, meanings: dict[str, str | None]) -> Iterator[tuple[str, str, str, str]]:
    for field in fields(kind):
        assert field.default is not MISSING
        shown = "" if field.default in (None, ()) else f"`{_written(field.default)}`"
        yield f"`{field.name}`", expected(kind, field.name), shown, meanings.get(field.name) or ""


def _written(value: object) -> str:
    """As TOML and JSON write it."""
    return str(value).lower() if isinstance(value, bool) else f'"{value}"' if isinstance(value, str) else str(value)


def _tables() -> Iterator[str]:
    for name in SUMMARIES:
        command = _command(name)
        inner = getattr(command, "commands", {})
        for words, one in {f"{name} {other}": inner[other] for other in sorted(inner)}.items() or ((name, command),):
            yield f"\n### `liveface {words}`\n\n{' '.join((one.help or '').split())}"
            rows = [_row(parameter) for parameter in one.params if parameter.name != "help"]
            if rows:
                yield "\n" + "\n".join(_rows(("Option", "Meaning", "Default"), rows))


def _command(name: str) -> Any:
    """A command as it is called; its options are those of the library beneath."""
    program: Any = get_command(command_line(name))
    return program.commands[name]


def _row(parameter: Any) -> tuple[str, str, str]:
    is_option = parameter.param_type_name == "option"
    name = ", ".join(f"`{option}`" for option in (*parameter.opts, *parameter.secondary_opts))
    about = getattr(parameter, "help", None) or ""
    if parameter.required:
        about = f"{about} Must be given.".strip()
    default = parameter.show_default if isinstance(parameter.show_default, str) else parameter.default
    text = str(getattr(default, "value", default)).replace(f"{DOCUMENTS.parent}/", "")
    shown = "" if default is None or default is False or not text else f"`{text}`"
    return name if is_option else f"`{parameter.name.upper()}`", about, shown


def _rows(heads: tuple[str, ...], rows: Any) -> Iterator[str]:
    yield f"| {' | '.join(heads)} |"
    yield "|---" * len(heads) + "|"
    for row in rows:
        yield f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in row)} |"


if __name__ == "__main__":
    main()
