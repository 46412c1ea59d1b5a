"""The pure core: what a run is and what may happen to it; it does no I/O and reads no clock."""
