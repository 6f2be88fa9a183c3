"""Who is examined and why."""
