"""The instances of a store in object storage, by their file ids.

The order that makes "stored" true (ingest/ingest.py has the same steps with a local disk):
1. The temporary file is written and hashed as the bytes arrive; the disk need not keep it.
2. It is put under a key of our own, random, create-only, with its hash. The server has it.
3. One database transaction holds the rows and the deliveries.
4. Only then is the instance acknowledged. It is never "here first, and uploaded later".

Rules
- A node that is killed between 2 and 3 leaves an object without a row. It was never acknowledged;
  once it is 24 hours old, recovery takes it in. A younger one may be another node's, which is
  between 2 and 3.
- Deletion: the tombstone is durable first, then the object goes.
- An instance is compared with its object by size and hash, as the server says them (`check`); the
  bytes are compared whenever they are fetched.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

from echonode.errors import Damaged
from echonode.model.instance import StoredInstance
from echonode.store.files.layout import file_id_of
from echonode.store.objects.bucket import Bucket, ObjectFacts
from echonode.store.objects.cache import FileCache

FETCHED_WHOLE = 2 * 1024 * 1024  # bytes: a still; of a larger film a frame is a range


class RemoteFiles:
    """Thread-safe."""

    def __init__(self, bucket: Bucket, cache: FileCache) -> None:
        self._bucket = bucket
        self._cache = cache

    def path(self, file_id: str) -> Path:
        """Where the file is while the cache has it."""
        return self._cache.path(file_id)

    def keep(self, file_id: str, file: Path, dataset_sha256: str) -> None:
        """Step 2; the file goes into the cache. Raises OutOfSpace."""
        self._bucket.put(_key(file_id), file, dataset_sha256)
        self._cache.take(file_id, file)

    def fetched(self, instance: StoredInstance) -> Path:
        """The instance's file on this machine, whole; it stays for cache.IN_USE_S.

        Raises FileNotFoundError, Damaged, OutOfSpace.
        """
        file_id = _id_of(instance)
        if (path := self._cache.use(file_id)) is not None:
            return path
        with self._cache.alone(file_id):
            if (path := self._cache.use(file_id)) is not None:
                return path
            return self._cache.fetch(
                file_id,
                self._bucket.read(_key(file_id)),
                size=instance.size,
                dataset_offset=instance.dataset_offset,
                sha256=instance.dataset_sha256,
            )

    def fetched_unknown(self, file_id: str) -> Path:
        """As `fetched`, of an object without a row: its bytes are what they are."""
        if (path := self._cache.use(file_id)) is not None:
            return path
        pieces = self._bucket.read(_key(file_id))
        return self._cache.fetch(file_id, pieces, size=0, dataset_offset=0, sha256="")

    def read_range(self, instance: StoredInstance, start: int, length: int) -> bytes:
        """Part of its file, without fetching all of it. Raises FileNotFoundError, OutOfSpace."""
        file_id = _id_of(instance)
        if (path := self._cache.use(file_id)) is not None:
            with path.open("rb") as file:
                file.seek(start)
                return file.read(length)
        if instance.size <= FETCHED_WHOLE:  # the next part is asked for soon
            with self.fetched(instance).open("rb") as file:
                file.seek(start)
                return file.read(length)
        return self._bucket.read_range(_key(file_id), start, length)

    def check(self, instance: StoredInstance) -> None:
        """Raises Damaged where its object is gone or is another one; OutOfSpace."""
        try:
            facts = self._bucket.facts(_key(_id_of(instance)))
        except FileNotFoundError:
            raise Damaged(f"{instance.sop_instance_uid}: its object is gone") from None
        if (facts.size, facts.sha256) != (instance.size, instance.dataset_sha256):
            raise Damaged(f"{instance.sop_instance_uid}: its object is not what was stored")

    def exists(self, file_id: str) -> bool:
        """Whether there is an object. Raises OutOfSpace."""
        try:
            self._bucket.facts(_key(file_id))
        except FileNotFoundError:
            return False
        return True

    def delete(self, file_id: str) -> None:
        """Of what has a tombstone, or was never acknowledged. Raises OutOfSpace."""
        self._bucket.delete(_key(file_id))
        self._cache.forget(file_id)

    def quarantine(self, file_id: str) -> None:
        """Keep it as evidence under another key. Raises OutOfSpace; done again, it is done."""
        try:
            self._bucket.copy(_key(file_id), f"quarantine/{file_id}.dcm")
        except FileNotFoundError:
            return
        self.delete(file_id)

    def files(self, prefix: str) -> Iterator[tuple[str, datetime]]:
        """The ids that begin with `prefix` (two or four characters), and when each was made."""
        folder = f"instances/{prefix[:2]}/" + (f"{prefix[2:4]}/" if len(prefix) > 2 else "")
        for facts in self._bucket.list(folder):
            if (file_id := _id_of_key(facts)) is not None and file_id.startswith(prefix):
                yield file_id, facts.modified


def _key(file_id: str) -> str:
    return f"instances/{file_id[:2]}/{file_id[2:4]}/{file_id}.dcm"


def _id_of_key(facts: ObjectFacts) -> str | None:
    return file_id_of(Path(facts.key))


def _id_of(instance: StoredInstance) -> str:
    file_id = file_id_of(instance.path)
    if file_id is None:
        raise FileNotFoundError(instance.path)
    return file_id
