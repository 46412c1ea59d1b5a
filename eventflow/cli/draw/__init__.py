"""What people see on a terminal: everything that needs rich, and nothing that decides anything."""
