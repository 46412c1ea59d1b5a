"""What somebody may have meant: the nearest of what there is."""

import difflib
from collections.abc import Iterable


def nearest(given: str, there: Iterable[str]) -> str | None:
    """Give what looks most like what was given, if anything does."""
    lowered = {each.lower(): each for each in there}
    close = difflib.get_close_matches(given.lower(), lowered, n=1, cutoff=0.6)
    return lowered[close[0]] if close else None


def did_you_mean(given: str, there: Iterable[str]) -> str:
    """Ask back, as the end of a message; nothing if nothing looks alike."""
    found = nearest(given, there)
    return f'. Did you mean "{found}"?' if found is not None else ""
