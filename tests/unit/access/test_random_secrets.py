"""Secrets are long, differ, and do not show in what is kept of them."""

from __future__ import annotations

import re

from echonode.access.random_secrets import (
    csrf_of,
    digest,
    is_same_code,
    new_code,
    new_session,
    new_token,
)


def test_sessions_and_tokens_have_256_bits() -> None:
    """43 characters of base64; no two are the same."""
    made = {new_session() for _ in range(100)} | {new_token() for _ in range(100)}
    assert len(made) == 200
    assert all(len(secret.removeprefix("echonode_")) == 43 for secret in made)
    assert len(digest(new_session())) == 32


def test_a_csrf_token_belongs_to_its_session() -> None:
    """The same each time, another for another session, and not the session itself."""
    first, second = new_session(), new_session()
    assert csrf_of(first) == csrf_of(first)
    assert csrf_of(first) != csrf_of(second)
    assert first not in csrf_of(first)


def test_a_code_is_typed_as_it_is_read() -> None:
    """Small letters, spaces and missing hyphens do not matter; anything else does."""
    code = new_code()
    assert re.fullmatch(r"([A-HJ-NP-Z2-9]{4}-){3}[A-HJ-NP-Z2-9]{4}", code)
    assert is_same_code(code.lower().replace("-", " "), code)
    assert not is_same_code(code[:-1], code)
    assert not is_same_code("é", code)
    assert not is_same_code("", "")
