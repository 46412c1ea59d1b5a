"""Leaves out the tests of the packages in here, which are tested as somebody else would."""

collect_ignore = ["eventflow_jsonl"]
