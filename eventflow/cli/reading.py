"""Reads the values that people type: JSON, files, pairs, times; it refuses with what to type."""

import re
import sys
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import msgspec

from eventflow.cli.exits import CommandError, Exit
from eventflow.cli.output import say

_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400, "w": 7 * 86400}
_PYTHON = {"True": "true", "False": "false", "None": "null"}
_DURATION = re.compile(r"(\d+(?:\.\d+)?)\s*([smhdw])")


def read_json(text: str, what: str) -> object:
    """Read JSON as it was typed, from a file as `@path`, or from stdin as `-`.

    Raises:
        CommandError: It is not JSON, or the file cannot be read.
    """
    source = _source(text, what)
    try:
        return msgspec.json.decode(source)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        hint = "" if text == "-" or text.startswith("@") else f"; {_hint(text)}"
        raise CommandError(
            f"{what} is JSON, @FILE, or - for stdin, and this is none: {error}{hint}"
        ) from None


def _hint(text: str) -> str:
    """Say how what was probably meant is written as JSON."""
    if text.lstrip().startswith(("{", "[")):
        return "JSON has texts in double quotes, and the words true, false and null"
    word = _PYTHON.get(text)
    if word is not None:
        return f"JSON writes it as {word}"
    return f"a text is written as '{msgspec.json.encode(text).decode()}'"


def _source(text: str, what: str) -> bytes:
    if text == "-":
        return sys.stdin.buffer.read()
    if not text.startswith("@"):
        return text.encode(errors="surrogateescape")
    path = Path(text[1:])
    try:
        return path.read_bytes()
    except OSError as error:
        raise CommandError(
            f"{what} cannot be read from {path}: {error.strerror or error}", Exit.NOT_FOUND
        ) from None


def read_pairs(pairs: Iterable[str], what: str) -> dict[str, object]:
    """Read `key=value` pairs; a value that is JSON is what the JSON says, any other is text.

    Raises:
        CommandError: One is not a pair.
    """
    found: dict[str, object] = {}
    for pair in pairs:
        key, separator, value = pair.partition("=")
        if not separator or not key:
            raise CommandError(f'{what} is given as key=value, not as "{pair}"')
        found[key] = json_or_text(value)
    return found


def json_or_text(text: str) -> object:
    """Read a value: what is JSON is what the JSON says, and anything else is text."""
    try:
        return msgspec.json.decode(text)
    except msgspec.DecodeError:
        if text in _PYTHON:
            say(f'"{text}" is read as a text; JSON writes it as {_PYTHON[text]}')
        return text


def read_time(text: str, now: datetime, what: str) -> datetime:
    """Read a time, or how long ago it was, such as `90m`; a time without a zone is UTC.

    Raises:
        CommandError: It is neither.
    """
    ago = _DURATION.fullmatch(text.strip())
    try:
        if ago is not None:
            return now - timedelta(seconds=float(ago[1]) * _UNITS[ago[2]])
        found = datetime.fromisoformat(text)
    except (ValueError, OverflowError):
        raise CommandError(
            f"{what} is a time such as 2026-01-31T12:00, or how long ago it was such as 90m or "
            f'2d (s, m, h, d, w), not "{text}"'
        ) from None
    return found if found.tzinfo is not None else found.replace(tzinfo=UTC)


def read_mapping(text: str, what: str) -> dict[str, object]:
    """Read JSON that is an object.

    Raises:
        CommandError: It is something else.
    """
    found = read_json(text, what)
    if not isinstance(found, dict):
        raise CommandError(f'{what} is a JSON object such as {{"stage": {{"field": 1}}}}')
    return found
