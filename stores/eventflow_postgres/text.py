"""Text that people chose, in a form that PostgreSQL takes: its text cannot hold a NUL character."""

import re

_SIGN = "\N{SYMBOL FOR NULL}"
_ESCAPED = re.compile(f"{_SIGN}(.)", re.DOTALL)


def escaped(text: str) -> str:
    """Write a text without NUL characters, so that `unescaped` gives it back exactly."""
    if "\0" not in text and _SIGN not in text:
        return text
    return text.replace(_SIGN, 2 * _SIGN).replace("\0", f"{_SIGN}0")


def unescaped(text: str) -> str:
    """Give back what was escaped."""
    if _SIGN not in text:
        return text
    return _ESCAPED.sub(lambda found: "\0" if found.group(1) == "0" else found.group(1), text)
