"""The steps to the table of print jobs. A step never changes once it was released."""

from __future__ import annotations

VERSION_13 = """
CREATE TABLE print_job (
    id INTEGER NOT NULL,
    printer TEXT NOT NULL,
    study_instance_uid TEXT NOT NULL,
    pictures TEXT NOT NULL,
    layout TEXT NOT NULL,
    copies INTEGER NOT NULL CHECK (copies >= 0),
    films INTEGER NOT NULL CHECK (films >= 0),
    films_done INTEGER NOT NULL CHECK (films_done >= 0),
    state TEXT NOT NULL
        CHECK (state IN ('waiting', 'printing', 'printed', 'held', 'cancelled')),
    attempts INTEGER NOT NULL CHECK (attempts >= 0),
    next_attempt_at BIGINT,
    last_error TEXT NOT NULL,
    made_at BIGINT NOT NULL,
    made_by TEXT NOT NULL,
    ended_at BIGINT,
    PRIMARY KEY (id),
    CONSTRAINT print_due CHECK ((state = 'waiting') = (next_attempt_at IS NOT NULL)),
    CONSTRAINT print_films CHECK (films_done <= films));
CREATE INDEX print_job_by_printer ON print_job (printer, state, id);
"""
