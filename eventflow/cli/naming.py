"""Which application and which store a command is about, and who said so; it opens neither."""

import os
import tomllib
from collections.abc import Mapping
from pathlib import Path

from attrs import frozen

from eventflow.cli.exits import CommandError
from eventflow.cli.suggesting import did_you_mean

APP_VARIABLE = "EVENTFLOW_APP"
STORE_VARIABLE = "EVENTFLOW_STORE_URL"
DEFAULT_STORE = "sqlite:///eventflow.db"

_KEYS = ("app", "store")


@frozen
class Named:
    """A value with its source, as messages tell it.

    Attributes:
        value: What was named.
        source: Who named it, such as `--store`.
        folder: Where the file stands that named it, if one did.
    """

    value: str
    source: str
    folder: Path | None = None


def named_app(option: str | None, environ: Mapping[str, str] = os.environ) -> Named | None:
    """Tell which application was named: by the option, the environment, or the nearest project.

    Raises:
        CommandError: The file of the project cannot be read.
    """
    return _named("--app", option, APP_VARIABLE, "app", environ)


def named_store(option: str | None, environ: Mapping[str, str] = os.environ) -> Named | None:
    """Tell which store was named: by the option, the environment, or the nearest project.

    Raises:
        CommandError: The file of the project cannot be read.
    """
    return _named("--store", option, STORE_VARIABLE, "store", environ)


def _named(
    flag: str, option: str | None, variable: str, key: str, environ: Mapping[str, str]
) -> Named | None:
    if option:
        return Named(option, flag)
    if environ.get(variable):
        return Named(environ[variable], variable)
    file = nearest_project(Path.cwd())
    if file is None:
        return None
    value = project_settings(file).get(key)
    return Named(value, f"[tool.eventflow] of {file}", file.parent) if value else None


def nearest_project(folder: Path) -> Path | None:
    """Find the `pyproject.toml` of a folder, or of the nearest one above it."""
    for each in (folder, *folder.parents):
        file = each / "pyproject.toml"
        if file.is_file():
            return file
    return None


def project_settings(file: Path) -> Mapping[str, str]:
    """Read what `[tool.eventflow]` says.

    Raises:
        CommandError: The file is not TOML, or the section holds what it should not.
    """
    try:
        found = tomllib.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise CommandError(f"{file} cannot be read: {error}") from None
    tool = found.get("tool", {})
    section = tool.get("eventflow", {}) if isinstance(tool, dict) else {}
    if not isinstance(section, dict):
        raise CommandError(f"[tool.eventflow] of {file} is a table with: {', '.join(_KEYS)}")
    for key, value in section.items():
        if key not in _KEYS:
            raise CommandError(
                f'[tool.eventflow] of {file} has no "{key}"; there are: {", ".join(_KEYS)}'
                f"{did_you_mean(key, _KEYS)}"
            )
        if not isinstance(value, str):
            raise CommandError(f'"{key}" in [tool.eventflow] of {file} is a text, not {value!r}')
    return section
