"""Leaves out the log lines of eventflow, so that an example shows only what it prints itself."""

import logging

import structlog


def quiet_logs() -> None:
    """Let only errors through; what becomes of the log is up to each application."""
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.ERROR))
