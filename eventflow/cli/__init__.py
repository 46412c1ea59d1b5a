"""The command line: how people look at runs and operators act; importing it loads no extra."""
