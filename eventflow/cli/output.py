"""Where a command writes: data to stdout, everything else to stderr; it draws nothing itself."""

import codecs
import io
import os
import sys
import unicodedata
from collections.abc import Mapping
from typing import IO

import msgspec
from attrs import fields, has

_SUBSTITUTES = {
    **dict.fromkeys("─━═╌┄╴╸╶╺", "-"),
    **dict.fromkeys("│┃║╎┆", "|"),
    **dict.fromkeys("┌┐└┘├┤┬┴┼╭╮╯╰┏┓┗┛╇╈╋╪", "+"),
    **dict.fromkeys("█▉▊▋▌▍▎▏■", "#"),
    **dict.fromkeys("▓", "x"),
    **dict.fromkeys("▒", "/"),
    **dict.fromkeys("░", "~"),
    **dict.fromkeys("·•", "."),
    **dict.fromkeys("…", "~"),
    **dict.fromkeys("→▶", ">"),
    **dict.fromkeys("✓", "+"),
    **dict.fromkeys("✗", "x"),
    **dict.fromkeys("\u2013\u2014\u2212", "-"),
    **dict.fromkeys("\u2018\u2019", "'"),
    **dict.fromkeys("\u201c\u201d", '"'),
}
_BIDIRECTIONAL = frozenset(
    "\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069"
)
_HANDLER = "eventflow.substitute"


def prepare_streams() -> None:
    """Let a terminal that cannot show a character show one as wide that it can."""
    codecs.register_error(_HANDLER, _substitute)
    for name in ("stdout", "stderr"):
        if getattr(sys, name) is None:  # it was closed before this process began
            setattr(sys, name, open(os.devnull, "w", encoding="utf-8"))  # noqa: PTH123, SIM115 - as long as the process
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors=_HANDLER)


def _substitute(error: UnicodeError) -> tuple[str, int]:
    if not isinstance(error, UnicodeEncodeError):
        raise error
    refused = error.object[error.start : error.end]
    return "".join(_SUBSTITUTES.get(each, "?") for each in refused), error.end


def clean(text: str) -> str:
    """Show what a terminal would obey or hide: control characters, and changes of direction."""
    if text.isascii() and text.isprintable():
        return text
    return "".join(_visible(each) for each in text)


def one_line(text: str) -> str:
    """Put a text on one line, with nothing in it that a terminal would obey."""
    return clean(" ".join(text.split()))


def _visible(character: str) -> str:
    if character in "\n\t":
        return character
    hidden = unicodedata.category(character) in {"Cc", "Cs"} or character in _BIDIRECTIONAL
    return character.encode("unicode_escape").decode() if hidden else character


def print_json(value: object) -> None:
    """Print data as JSON in UTF-8: on one line, or laid out where a person looks at it."""
    data = msgspec.json.encode(as_data(value))
    if sys.stdout.isatty():
        data = msgspec.json.format(data, indent=2)
    write_data(data + b"\n")


def print_json_line(value: object) -> None:
    """Print data as JSON in UTF-8, always on one line: one of several."""
    write_data(msgspec.json.encode(as_data(value)) + b"\n")


def as_data(value: object) -> object:
    """Give a value as plain data: attrs classes become objects, with their attributes in order."""
    kind = type(value)
    if has(kind):
        return {each.name: as_data(getattr(value, each.name)) for each in fields(kind)}
    if isinstance(value, Mapping):
        return {str(key): as_data(each) for key, each in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [as_data(each) for each in value]
    return value


def write_data(data: bytes) -> None:
    """Write bytes to stdout as they are, at once."""
    sys.stdout.flush()
    binary: IO[bytes] | None = getattr(sys.stdout, "buffer", None)
    if binary is None:
        sys.stdout.write(data.decode())
    else:
        binary.write(data)
    sys.stdout.flush()


def say(text: str) -> None:
    """Tell the person who typed the command something that is no data."""
    sys.stderr.write(f"{clean(text)}\n")
    sys.stderr.flush()
