"""What runs in an application: the clock, the workers, and the handles to runs."""
