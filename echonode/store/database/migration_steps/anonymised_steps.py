"""The steps to anonymised copies for destinations. A step never changes once it was released."""

from __future__ import annotations

# Which copy went, by which profile, and who looked at the pixels.
VERSION_15 = """
ALTER TABLE derived_copy ADD COLUMN study_instance_uid TEXT DEFAULT '' NOT NULL;
ALTER TABLE derived_copy ADD COLUMN series_instance_uid TEXT DEFAULT '' NOT NULL;
ALTER TABLE derived_copy ADD COLUMN anonymised_by TEXT DEFAULT '' NOT NULL;
ALTER TABLE tombstone_delivery ADD COLUMN anonymised_by TEXT DEFAULT '' NOT NULL;
CREATE TABLE pixel_look (
    instance_id INTEGER NOT NULL,
    looked_at BIGINT NOT NULL,
    looked_by TEXT NOT NULL,
    PRIMARY KEY (instance_id),
    FOREIGN KEY(instance_id) REFERENCES instance (id) ON DELETE CASCADE);
"""
