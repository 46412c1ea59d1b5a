"""The demonstration that `eventflow demo` shows: a workflow of its own, and what happens to it."""
