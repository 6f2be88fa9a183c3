"""Disks that fill, fail or lose power, and what a node finds on them at its next start."""
