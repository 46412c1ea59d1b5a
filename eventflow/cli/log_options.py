"""Which log lines a process of the command line writes; this configures nothing."""

from enum import StrEnum

from attrs import frozen


class Level(StrEnum):
    """From which level on log lines are written."""

    DEBUG = "debug"
    INFO = "info"
    WARNING = "warning"
    ERROR = "error"


class Format(StrEnum):
    """What log lines look like; `auto` is for people on a terminal, and JSON elsewhere."""

    AUTO = "auto"
    CONSOLE = "console"
    JSON = "json"


@frozen
class Logs:
    """Which log lines are written, and what they look like."""

    level: Level = Level.ERROR
    format: Format = Format.AUTO
