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

# A film that was given to the printer without a known answer: its own column and state.
VERSION_16 = """
CREATE TABLE print_job_16 (
    id INTEGER NOT NULL,
    printer TEXT NOT NULL,
    study_instance_uid TEXT NOT NULL,
    pictures TEXT NOT NULL,
    layout TEXT NOT NULL,
    copies INTEGER NOT NULL CHECK (copies >= 0),
    films INTEGER NOT NULL CHECK (films >= 0),
    films_done INTEGER NOT NULL CHECK (films_done >= 0),
    films_sent INTEGER NOT NULL CHECK (films_sent >= 0),
    state TEXT NOT NULL
        CHECK (state IN ('waiting', 'printing', 'printed', 'held', 'unknown', 'cancelled')),
    attempts INTEGER NOT NULL CHECK (attempts >= 0),
    next_attempt_at BIGINT,
    last_error TEXT NOT NULL,
    made_at BIGINT NOT NULL,
    made_by TEXT NOT NULL,
    ended_at BIGINT,
    PRIMARY KEY (id),
    CONSTRAINT print_due CHECK ((state = 'waiting') = (next_attempt_at IS NOT NULL)),
    CONSTRAINT print_films CHECK (films_done <= films),
    CONSTRAINT print_sent CHECK (films_sent >= films_done AND films_sent <= films_done + 1));
INSERT INTO print_job_16
    SELECT id, printer, study_instance_uid, pictures, layout, copies, films, films_done,
        films_done + (state = 'printing' AND films_done < films),
        state, attempts, next_attempt_at, last_error, made_at, made_by, ended_at FROM print_job;
DROP TABLE print_job;
ALTER TABLE print_job_16 RENAME TO print_job;
CREATE INDEX print_job_by_printer ON print_job (printer, state, id);
"""
