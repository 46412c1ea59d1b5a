"""The one door to what needs the extra: it loads the library when a model is called."""

from importlib import import_module
from typing import Any

from eventflow.errors import ExtraMissing

HOW_TO_INSTALL = "install it with: pip install 'eventflow-engine[ai]'"


def part(name: str) -> Any:  # noqa: ANN401 - a module that is known by its name only
    """Load a part of this package that needs the library.

    Raises:
        ExtraMissing: The library, or what it needs for a provider, is not installed.
    """
    try:
        return import_module(f"eventflow.ai.{name}")
    except ImportError as error:
        raise not_installed(error) from error


def not_installed(error: ImportError) -> ExtraMissing:
    """Say what is missing, and how to install it; the library itself says it of its providers."""
    if error.name is None:
        return ExtraMissing(str(error))
    return ExtraMissing(
        f"Models are called through {error.name}, which is missing; {HOW_TO_INSTALL}"
    )
