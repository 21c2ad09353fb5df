"""Where this system wants a program's files to lie: settings, what a user has made, what can be made again.

On Linux these are `~/.config`, `~/.local/share` and `~/.cache`, or what the XDG variables name instead.
"""

from pathlib import Path

from platformdirs import PlatformDirs

_NAME = "liveface"


def settings_folder() -> Path:
    """For what a user has chosen; the folder need not exist."""
    return _folders().user_config_path


def data_folder() -> Path:
    """For what a user has made; the folder need not exist."""
    return _folders().user_data_path


def avatars_folder() -> Path:
    """For the avatars that a user has made; the folder need not exist."""
    return data_folder() / "avatars"


def cache_folder() -> Path:
    """For what can be made again; the folder need not exist."""
    return _folders().user_cache_path


def _folders() -> PlatformDirs:
    return PlatformDirs(_NAME, appauthor=False)
