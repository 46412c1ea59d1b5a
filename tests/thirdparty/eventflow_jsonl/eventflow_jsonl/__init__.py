"""A store of eventflow that keeps its log as JSON lines in one directory: `jsonl:///directory`."""

from eventflow_jsonl.store import JsonlStore, connect

__all__ = ["JsonlStore", "connect"]
