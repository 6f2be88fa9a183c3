"""A bucket of an S3 server: what is asked of it, and what its answers mean.

Rules
- An object is made once and never changed: a PUT is create-only (If-None-Match), and carries the
  SHA-256 of its bytes, by which the server checks what it took. The hash of the dataset, which the
  row has, is kept with the object.
- A PUT without an answer may have been done. It is repeated, and then meets its own object: where
  that has our size and hash, it is the success that was not heard.
- An error of the network or the server is OutOfSpace (A700: the sender tries again); "no such
  object" is FileNotFoundError.
- obstore's import costs time and is an extra of the installation: only who uses it imports it.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from echonode.errors import ConfigError, ConfigFault, OutOfSpace

if TYPE_CHECKING:
    from obstore.store import S3Config, S3Store

_TRIES = 3  # of a PUT without an answer
_CHUNK = 1024 * 1024  # bytes
_HASH = "sha256"  # the name of the hash among an object's metadata
_TIMEOUT, _CONNECT_TIMEOUT = "60s", "5s"


@dataclass(frozen=True, kw_only=True)
class ObjectsAt:
    """Where instances are kept. endpoint: '' of AWS. cache_limit: bytes of the cache.

    The keys of the account come from the environment (AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY) or
    from the machine's role.
    """

    bucket: str
    prefix: str
    endpoint: str
    region: str
    cache_dir: Path
    cache_limit: int

    @property
    def url(self) -> str:
        return f"s3://{self.bucket}/{self.prefix}".rstrip("/")


@dataclass(frozen=True, kw_only=True)
class ObjectFacts:
    """What the server says of an object. sha256: as it was given with the object; ''
    from a list."""

    key: str
    size: int
    modified: datetime
    sha256: str = ""


class Bucket:
    """The objects below one prefix. Thread-safe."""

    def __init__(self, at: ObjectsAt) -> None:
        """Raises ConfigError where obstore is not installed, or the settings cannot be used."""
        try:
            import obstore
            from obstore.store import S3Store
        except ModuleNotFoundError:
            raise _unusable(
                "needs a library that is not installed",
                "Install it: pip install 'echonode[cluster]'.",
            ) from None
        self.at = at
        self._obstore: Any = obstore
        endpoint: S3Config = {"endpoint": at.endpoint} if at.endpoint else {}
        try:
            self._store: S3Store = S3Store(
                at.bucket,
                prefix=at.prefix or None,
                region=at.region,
                conditional_put="etag",
                checksum_algorithm="SHA256",
                client_options={
                    "allow_http": at.endpoint.startswith("http://"),
                    "timeout": _TIMEOUT,
                    "connect_timeout": _CONNECT_TIMEOUT,
                },
                # Repeated here, where a repeated PUT is understood.
                retry_config={"max_retries": 0},
                config=endpoint,
            )
        except obstore.exceptions.BaseError as error:
            raise _unusable(
                f"cannot be used ({_words(error)})", "Give s3://BUCKET/PREFIX and its endpoint."
            ) from None

    def put(self, key: str, source: Path, sha256: str) -> None:
        """Make an object of a file; the server has it on return.

        sha256: hex, kept with the object: of the dataset, as its row has it. Raises OutOfSpace,
        also where the key is another object's.
        """
        size = source.stat().st_size
        failed: Exception | None = None
        for _ in range(_TRIES):
            try:
                self._put_once(key, source, sha256)
            except self._obstore.exceptions.AlreadyExistsError as error:
                failed = error
                break
            except self._errors() as error:
                failed = error
                continue
            return
        if not self._is_ours(key, size, sha256):
            raise self._refusal("an object", failed)

    def _put_once(self, key: str, source: Path, sha256: str) -> None:
        self._obstore.put(
            self._store,
            key,
            source,
            mode="create",
            attributes={_HASH: sha256, "Content-Type": "application/dicom"},
            use_multipart=False,  # create-only and the checksum are of one request
        )

    def _is_ours(self, key: str, size: int, sha256: str) -> bool:
        """Whether a PUT whose answer was not heard was done after all."""
        try:
            facts = self.facts(key)
        except (OutOfSpace, FileNotFoundError):
            return False
        return (facts.size, facts.sha256) == (size, sha256)

    def facts(self, key: str) -> ObjectFacts:
        """HEAD. Raises FileNotFoundError, OutOfSpace."""
        with self._refused("to look at an object"):
            found = self._obstore.get(self._store, key, options={"head": True})
            meta = found.meta
            return ObjectFacts(
                key=key,
                size=meta["size"],
                modified=meta["last_modified"],
                sha256=str(found.attributes.get(_HASH, "")),
            )

    def read(self, key: str) -> Iterator[bytes]:
        """All of an object. Raises FileNotFoundError, OutOfSpace."""
        with self._refused("to read an object"):
            for chunk in self._obstore.get(self._store, key).stream(min_chunk_size=_CHUNK):
                yield bytes(chunk)

    def read_range(self, key: str, start: int, length: int) -> bytes:
        """Part of an object. Raises FileNotFoundError, OutOfSpace."""
        with self._refused("to read an object"):
            got = self._obstore.get_range(self._store, key, start=start, length=length)
            content = bytes(got)
        if len(content) != length:
            raise OutOfSpace("the object storage answered another range than was asked for")
        return content

    def delete(self, key: str) -> None:
        """Remove an object; one that is not there is removed. Raises OutOfSpace."""
        try:
            with self._refused("to delete an object"):
                self._obstore.delete(self._store, key)
        except FileNotFoundError:
            return

    def copy(self, source: str, target: str) -> None:
        """Copy an object within the bucket. Raises FileNotFoundError, OutOfSpace."""
        with self._refused("to copy an object"):
            self._obstore.copy(self._store, source, target)

    def list(self, prefix: str) -> Iterator[ObjectFacts]:
        """The objects below a prefix that ends at a slash. Raises OutOfSpace."""
        with self._refused("to list objects"):
            for part in self._obstore.list(self._store, prefix):
                for meta in part:
                    yield ObjectFacts(
                        key=meta["path"], size=meta["size"], modified=meta["last_modified"]
                    )

    def _errors(self) -> tuple[type[Exception], ...]:
        return (self._obstore.exceptions.BaseError, OSError)

    @contextmanager
    def _refused(self, doing: str) -> Iterator[None]:
        try:
            yield
        except FileNotFoundError:
            raise
        except self._errors() as error:
            raise self._refusal(doing, error) from error

    def _refusal(self, doing: str, error: Exception | None) -> OutOfSpace:
        return OutOfSpace(f"the object storage {self.at.url} refused {doing}: {_words(error)}")


def _words(error: Exception | None) -> str:
    """The first line of an error: the rest of obstore's are its own values."""
    return str(error).split("\n", 1)[0][:200]


def _unusable(problem: str, remedy: str) -> ConfigError:
    return ConfigError([ConfigFault(path="objects.url", problem=problem, remedy=remedy)])
