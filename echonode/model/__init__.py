"""Pure values and tables that every other room speaks in: no socket, clock, disk or thread."""
