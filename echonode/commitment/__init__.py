"""Storage commitment (PS3.4 annex J): asked of archives, taken from them, given to others."""
