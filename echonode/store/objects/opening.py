"""Opens the object storage of a store, once it is known to do what the store depends on."""

from __future__ import annotations

from echonode.errors import ConfigError, ConfigFault
from echonode.store.objects.bucket import Bucket, ObjectsAt
from echonode.store.objects.cache import FileCache
from echonode.store.objects.honesty import faults_of
from echonode.store.objects.remote_files import RemoteFiles


def opened_storage(at: ObjectsAt | None, *, to_write: bool = True) -> RemoteFiles | None:
    """The storage; None where instances are files in data_dir.

    to_write: False where it is only read, and needs no trial. Raises ConfigError for a server that
    does otherwise than it says, OutOfSpace where it does not answer.
    """
    if at is None:
        return None
    bucket = Bucket(at)
    if to_write and (faults := faults_of(bucket)):
        raise ConfigError(
            [
                ConfigFault(
                    path="objects.url",
                    problem=f"{at.url} cannot keep instances: {fault}",
                    remedy="Use a server that keeps to S3: Garage, Ceph RGW, SeaweedFS, AWS.",
                )
                for fault in faults
            ]
        )
    return RemoteFiles(bucket, FileCache(at.cache_dir, at.cache_limit))
