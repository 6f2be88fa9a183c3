"""Tables of access: users, their sessions and their API tokens, and watch links.

Rules
- Of a password and a PIN the argon2id hash is kept, of a session, a token and a watch link
  the SHA-256 of 256 random bits: who reads the database can log in or watch by none of them.
- What a user no longer has is deleted: a session that ended and a token that was replaced.
"""

from __future__ import annotations

import sqlalchemy as sa

from echonode.access.roles import Role
from echonode.store.database.columns import (
    METADATA,
    Words,
    count_column,
    key_column,
    one_of,
    text_column,
    time_column,
)


def _of_user() -> sa.Column[int]:
    return sa.Column(
        "user_account_id",
        sa.ForeignKey("user_account.id", ondelete="CASCADE"),
        nullable=False,
        index=True,
    )


user_account = sa.Table(
    "user_account",
    METADATA,
    key_column(),
    # In small letters (access/passwords.py).
    text_column("name", unique=True),
    sa.Column("role", Words, sa.CheckConstraint(one_of("role", Role)), nullable=False),
    # '' of a service, which has tokens instead.
    text_column("password_hash"),
    text_column("pin_hash"),
    sa.Column("disabled", sa.Boolean, nullable=False),
    time_column("created_at"),
    time_column("changed_at"),
    sa.CheckConstraint("(role = 'service') = (password_hash = '')", name="service_has_no_password"),
)

user_session = sa.Table(
    "user_session",
    METADATA,
    key_column(),
    _of_user(),
    sa.Column("secret_sha256", sa.LargeBinary, nullable=False, unique=True),
    time_column("created_at"),
    time_column("seen_at"),
    sa.Column("locked", sa.Boolean, nullable=False),
    # Wrong PINs since the last right one; beyond a number of them the password is asked for.
    count_column("pin_failures"),
)

api_token = sa.Table(
    "api_token",
    METADATA,
    key_column(),
    _of_user(),
    sa.Column("secret_sha256", sa.LargeBinary, nullable=False, unique=True),
    time_column("created_at"),
)

watch_link = sa.Table(
    "watch_link",
    METADATA,
    key_column(),
    # For lists and for ending it; it opens nothing.
    text_column("link_id", unique=True),
    text_column("probe"),
    sa.Column("secret_sha256", sa.LargeBinary, nullable=False, unique=True),
    time_column("made_at"),
    time_column("expires_at"),
)
