"""Users, their sessions and their tokens, and watch links.

VERSION_n makes version n of version n-1 (migrations.py).
"""

from __future__ import annotations

# Users, their sessions and their tokens.
VERSION_7 = """
CREATE TABLE user_account (
    id INTEGER NOT NULL,
    name TEXT NOT NULL,
    role TEXT NOT NULL CHECK (role IN ('viewer', 'operator', 'administrator', 'service')),
    password_hash TEXT NOT NULL,
    pin_hash TEXT NOT NULL,
    disabled BOOLEAN NOT NULL,
    created_at BIGINT NOT NULL,
    changed_at BIGINT NOT NULL,
    PRIMARY KEY (id),
    CONSTRAINT service_has_no_password CHECK ((role = 'service') = (password_hash = '')),
    UNIQUE (name));
CREATE TABLE user_session (
    id INTEGER NOT NULL,
    user_account_id INTEGER NOT NULL,
    secret_sha256 BLOB NOT NULL,
    created_at BIGINT NOT NULL,
    seen_at BIGINT NOT NULL,
    locked BOOLEAN NOT NULL,
    pin_failures INTEGER NOT NULL CHECK (pin_failures >= 0),
    PRIMARY KEY (id),
    FOREIGN KEY(user_account_id) REFERENCES user_account (id) ON DELETE CASCADE,
    UNIQUE (secret_sha256));
CREATE INDEX ix_user_session_user_account_id ON user_session (user_account_id);
CREATE TABLE api_token (
    id INTEGER NOT NULL,
    user_account_id INTEGER NOT NULL,
    secret_sha256 BLOB NOT NULL,
    created_at BIGINT NOT NULL,
    PRIMARY KEY (id),
    FOREIGN KEY(user_account_id) REFERENCES user_account (id) ON DELETE CASCADE,
    UNIQUE (secret_sha256));
CREATE INDEX ix_api_token_user_account_id ON api_token (user_account_id);
"""

# Links to watch live, which a start of the node does not end.
VERSION_14 = """
CREATE TABLE watch_link (
    id INTEGER NOT NULL,
    link_id TEXT NOT NULL,
    probe TEXT NOT NULL,
    secret_sha256 BLOB NOT NULL,
    made_at BIGINT NOT NULL,
    expires_at BIGINT NOT NULL,
    PRIMARY KEY (id),
    UNIQUE (link_id),
    UNIQUE (secret_sha256));
"""
