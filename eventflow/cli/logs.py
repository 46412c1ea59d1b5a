"""Configures structlog for a process that the command line owns: on stderr, never on stdout."""

import logging
import os
import sys
from typing import TextIO

import structlog
from structlog.typing import Processor

from eventflow.cli.log_options import Format, Logs


def configure_logs(logs: Logs) -> None:
    """Write log lines to stderr, whatever the application has configured before."""
    stream = sys.stderr
    on_terminal = logs.format is Format.AUTO and stream.isatty()
    for_people = on_terminal or logs.format is Format.CONSOLE
    number = logging.getLevelNamesMapping()[logs.level.upper()]
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            *(_for_people(stream) if for_people else _for_programs()),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(number),
        logger_factory=structlog.WriteLoggerFactory(stream),
        cache_logger_on_first_use=False,
    )
    logging.basicConfig(stream=stream, level=max(number, logging.WARNING), format="%(message)s")


def _for_people(stream: TextIO) -> list[Processor]:
    return [
        structlog.dev.ConsoleRenderer(colors=stream.isatty() and not os.environ.get("NO_COLOR"))
    ]


def _for_programs() -> list[Processor]:
    return [structlog.processors.format_exc_info, structlog.processors.JSONRenderer()]
