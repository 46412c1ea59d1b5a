"""eventflow: an in-process, event-sourced workflow engine with pluggable stores."""
