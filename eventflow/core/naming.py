"""Ids that are almost right: hints for messages, never a guess that is acted on."""

from collections.abc import Iterable


def meant(given: object, known: Iterable[str]) -> str:
    """Ask whether another spelling of the same words was meant; nothing if there is none.

    The id of a stage is the name of its function with `-` for `_`, which people forget.
    """
    wanted = _words(given)
    found = next((each for each in known if _words(each) == wanted), None)
    return f'; did you mean "{found}"?' if found is not None else ""


def _words(given: object) -> str:
    return str(given).lower().replace("_", "-").replace(" ", "-")
