"""Proves each peer both ways before a patient is scanned, and names each failure's remedy."""
