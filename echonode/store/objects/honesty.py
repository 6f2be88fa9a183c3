"""Looks whether an S3 server does what the store depends on; some say yes and do otherwise.

Rules
- Everything is tried with two small objects of a random name, which are removed afterwards.
- What is found is said in words with its consequence. A server that lies is not used.
"""

from __future__ import annotations

import hashlib
import secrets
import tempfile
from collections.abc import Iterator
from pathlib import Path

from echonode.errors import OutOfSpace
from echonode.store.objects.bucket import Bucket

_CONTENT = b"EchoNode looks whether this server keeps what it takes." * 20


def faults_of(bucket: Bucket) -> list[str]:
    """What is wrong with the server; nothing where it may be used. Raises OutOfSpace."""
    name = secrets.token_hex(16)
    key = f"trials/{name}"
    with tempfile.TemporaryDirectory(prefix="echonode-objects-") as folder:
        first, second = Path(folder, "first"), Path(folder, "second")
        first.write_bytes(_CONTENT)
        second.write_bytes(_CONTENT[::-1])
        bucket.put(key, first, _sha256(_CONTENT))
        try:
            return [*_create_only(bucket, key, second), *_reading(bucket, key, name)]
        finally:
            bucket.delete(key)


def _create_only(bucket: Bucket, key: str, second: Path) -> Iterator[str]:
    try:
        bucket.put(key, second, _sha256(_CONTENT[::-1]))
    except OutOfSpace:
        return
    yield (
        "it writes over an object that exists (it ignores If-None-Match), so that two nodes, or a "
        "request that is repeated, could change a stored instance"
    )


def _reading(bucket: Bucket, key: str, name: str) -> Iterator[str]:
    facts = bucket.facts(key)
    if (facts.size, facts.sha256) != (len(_CONTENT), _sha256(_CONTENT)):
        yield "it does not keep size and metadata of an object as they were given"
    if b"".join(bucket.read(key)) != _CONTENT:
        yield "it returns other bytes than it took"
    if bucket.read_range(key, 5, 30) != _CONTENT[5:35]:
        yield "it does not return the part of an object that was asked for"
    if name not in {Path(each.key).name for each in bucket.list("trials/")}:
        yield "it does not list an object that it has just taken"


def _sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()
