"""An in-process, event-sourced workflow engine for Python."""
