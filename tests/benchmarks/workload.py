"""What the benchmarks share: an application that logs no more than one in production."""

import logging

import structlog


def quiet_logs() -> None:
    """Let only warnings through."""
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.WARNING))
