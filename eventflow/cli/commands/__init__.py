"""One module for each command; each gets the session, and gives an exit code or nothing."""
