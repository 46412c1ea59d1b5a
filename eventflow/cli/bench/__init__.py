"""How fast eventflow is on a store, beside the bare speed of the same store."""
