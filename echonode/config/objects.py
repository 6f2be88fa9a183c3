"""The section `objects`: where the files of instances are kept."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from pydantic import Field

from echonode.config.fields import FilePath, Section
from echonode.store.objects.bucket import ObjectsAt

_FILE = "file"
_URL = r"^(file|s3://[a-z0-9][a-z0-9.-]{1,61}[a-z0-9](/[A-Za-z0-9._-]+)*/?)$"
_GB = 1_000_000_000


class Objects(Section):
    """Where the files of instances are kept: in data_dir, or in object storage."""

    url: Annotated[str, Field(pattern=_URL)] = _FILE
    """`file`: in data_dir. s3://BUCKET/PREFIX: in a bucket; its keys come from the environment
    (AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY). Example: "s3://ultrasound/node\""""
    endpoint: Annotated[str, Field(pattern=r"^(https?://[^\s/]+)?$")] = ""
    """The address of the S3 server; without it that of AWS. Example: "https://s3.example.org\""""
    region: Annotated[str, Field(pattern=r"^[a-z0-9-]+$")] = "us-east-1"
    """The region, as the server names it. Example: eu-central-1"""
    cache_dir: FilePath | None = None
    """The folder for files that were read from the bucket; without it `cache` in data_dir.
    Example: /var/cache/echonode"""
    cache_limit: Annotated[float, Field(ge=0.1, le=1_000_000)] = 10
    """GB that the folder may hold; what was used in the last ten minutes stays in any case.
    Example: 50"""

    def at(self, data_dir: Path) -> ObjectsAt | None:
        """The object storage; None: files in data_dir."""
        if self.url == _FILE:
            return None
        bucket, _, prefix = self.url.removeprefix("s3://").partition("/")
        return ObjectsAt(
            bucket=bucket,
            prefix=prefix.strip("/"),
            endpoint=self.endpoint,
            region=self.region,
            cache_dir=self.cache_dir or data_dir / "cache",
            cache_limit=int(self.cache_limit * _GB),
        )
