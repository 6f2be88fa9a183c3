"""The step to the tables of the journal. A step never changes once it was released."""

from __future__ import annotations

VERSION_17 = """
CREATE TABLE journal_change (
    id INTEGER NOT NULL,
    kind TEXT NOT NULL,
    key TEXT NOT NULL,
    PRIMARY KEY (id));
CREATE TABLE journal_staged (
    kind TEXT NOT NULL,
    key TEXT NOT NULL,
    sop_instance_uid TEXT NOT NULL,
    content TEXT NOT NULL,
    PRIMARY KEY (kind, key));
CREATE INDEX journal_staged_by_instance ON journal_staged (sop_instance_uid)
    WHERE sop_instance_uid <> '';
"""
