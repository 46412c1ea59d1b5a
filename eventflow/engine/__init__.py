"""Load, fold, decide, append, and again on conflict: the one way to change a run."""
