"""Where the log is kept: the contract of a store, and what every store shares."""
