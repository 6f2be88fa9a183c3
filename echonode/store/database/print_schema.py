"""The table of print jobs.

Rules
- A job is durable before its caller is answered, each film before it is given to the printer, and
  each printed film before the next is begun.
- Instances are named by UID: a job outlives the local copy of an image, and then says so.
"""

from __future__ import annotations

import sqlalchemy as sa

from echonode.model.print_job import PrintState
from echonode.store.database.columns import (
    METADATA,
    Words,
    count_column,
    key_column,
    one_of,
    text_column,
    time_column,
)

print_job = sa.Table(
    "print_job",
    METADATA,
    key_column(),
    # The name in the configuration.
    text_column("printer"),
    text_column("study_instance_uid"),
    # JSON: [[SOP Instance UID, frame], ...].
    text_column("pictures"),
    text_column("layout"),
    count_column("copies"),
    count_column("films"),
    count_column("films_done"),
    # Given to the printer (N-ACTION); written down before it is.
    count_column("films_sent"),
    sa.Column("state", Words, sa.CheckConstraint(one_of("state", PrintState)), nullable=False),
    count_column("attempts"),
    # NULL where nothing is due.
    time_column("next_attempt_at", nullable=True),
    text_column("last_error"),
    time_column("made_at"),
    text_column("made_by"),
    time_column("ended_at", nullable=True),
    sa.CheckConstraint("(state = 'waiting') = (next_attempt_at IS NOT NULL)", name="print_due"),
    # A job that counts more films than it has would never end.
    sa.CheckConstraint("films_done <= films", name="print_films"),
    # One film at a time: what is sent is done, refused or in doubt before the next one.
    sa.CheckConstraint(
        "films_sent >= films_done AND films_sent <= films_done + 1", name="print_sent"
    ),
    sa.Index("print_job_by_printer", "printer", "state", "id"),
)
