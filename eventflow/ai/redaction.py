"""Keeps keys out of whatever is stored, logged or raised; rather too much than too little."""

import re
from collections.abc import Iterable
from urllib.parse import unquote, urlsplit

from eventflow.core.values import JSON

HIDDEN = "***"
SHORTEST = 6
"""A text that is shorter is no key, and would be found everywhere."""

_SHAPES = re.compile(
    r"""
    \b(?:sk|pk|rk)-[A-Za-z0-9_-]{8,}     # OpenAI, Anthropic and those that follow them
    | \bAIza[A-Za-z0-9_-]{20,}           # Google
    | \b(?:gsk|xai|hf|r8|pplx)[_-][A-Za-z0-9_-]{16,}
    | (?<=\bBearer\s)[^\s'",}\]]+
    | (?<=://)[^/@\s'"]+(?=@)            # name and password of a URL
    """,
    re.VERBOSE,
)
_PARAMETER = re.compile(
    r"([?&](?:sig|[\w.-]*(?:key|token|secret|password|signature|credential)[\w.-]*)=)"
    r"[^&\s'\")}\]]+",
    re.IGNORECASE,
)


_SECRET_NAME = re.compile(
    r"api.?key|secret|password|authorization|credential|(?:^|[_.-])token$", re.IGNORECASE
)


def without_secrets(value: JSON) -> JSON:
    """Hide the values of an object whose names say that they are secret, at any depth."""
    match value:
        case dict():
            return {
                name: HIDDEN if _SECRET_NAME.search(name) else without_secrets(each)
                for name, each in value.items()
            }
        case list():
            return [without_secrets(each) for each in value]
        case _:
            return value


class Redactor:
    """Hides the keys that it was told of, and whatever looks like one."""

    def __init__(self, secrets: Iterable[str] = ()) -> None:
        self._known: tuple[str, ...] = ()
        self.learn(*secrets)

    def __repr__(self) -> str:
        return f"<Redactor of {len(self._known)} secrets>"

    def learn(self, *secrets: str | None) -> None:
        """Hide these texts from now on."""
        new = {secret for secret in secrets if secret and len(secret) >= SHORTEST}
        self._known = tuple(sorted(new.union(self._known), key=len, reverse=True))

    def learn_url(self, url: str) -> None:
        """Hide what is secret in a URL from now on: its password, and the values of its query."""
        try:
            parts = urlsplit(url)
        except ValueError:
            return
        values = [each.partition("=")[2] for each in parts.query.split("&")]
        for secret in (parts.password, *values):
            self.learn(secret, unquote(secret or ""))

    def text(self, text: str) -> str:
        """Hide what is secret in a text for people, such as the message of an error."""
        return _PARAMETER.sub(rf"\1{HIDDEN}", _SHAPES.sub(HIDDEN, self.known(text)))

    def known(self, text: str) -> str:
        """Hide only the keys that are known, and leave everything else of a text as it is."""
        for secret in self._known:
            text = text.replace(secret, HIDDEN)
        return text

    def data(self, value: JSON) -> JSON:
        """Hide the keys that are known wherever they stand in plain data."""
        if not self._known:
            return value
        return self._hidden(value)

    def _hidden(self, value: JSON) -> JSON:
        match value:
            case str():
                return self.known(value)
            case list():
                return [self._hidden(each) for each in value]
            case dict():
                return {self.known(str(key)): self._hidden(each) for key, each in value.items()}
            case _:
                return value
