"""Steps for several nodes on one database; on SQLite there is one, and the tables stay empty."""

from __future__ import annotations

# The node that sends a delivery, the nodes that are there, and what each holds.
VERSION_12 = """
ALTER TABLE delivery ADD COLUMN claimed_by TEXT DEFAULT '' NOT NULL;
CREATE TABLE cluster_node (
    incarnation TEXT NOT NULL,
    name TEXT NOT NULL,
    configuration TEXT NOT NULL,
    seen_at BIGINT NOT NULL,
    PRIMARY KEY (incarnation));
CREATE TABLE lease (
    name TEXT NOT NULL,
    incarnation TEXT NOT NULL,
    PRIMARY KEY (name));
"""
