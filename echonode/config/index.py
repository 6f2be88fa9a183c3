"""Where the index is: patients, studies, instances, deliveries, exams; the files are elsewhere."""

from __future__ import annotations

import re
from typing import Annotated
from urllib.parse import SplitResult, urlsplit

from pydantic import AfterValidator

from echonode.config.fields import Allowed, Section

IN_DATA_DIR = "sqlite"
_SCHEME = "postgresql+psycopg"
_SECRET = re.compile(r"(?<=:)[^:@/]*(?=@)")


def _index_url(value: str) -> str:
    if value == IN_DATA_DIR:
        return value
    try:
        parts = urlsplit(value)
        _ = parts.port  # raises ValueError for other text
    except ValueError:
        raise ValueError("not a URL") from None
    if parts.scheme != _SCHEME:
        raise ValueError(f"not `{IN_DATA_DIR}`, and not a URL that begins with {_SCHEME}://")
    if not parts.path.strip("/"):
        raise ValueError("names no database; the URL ends with /NAME")
    return value


IndexUrl = Annotated[
    str,
    AfterValidator(_index_url),
    Allowed(f"`{IN_DATA_DIR}`, or {_SCHEME}://USER@HOST:PORT/DATABASE"),
]


class Index(Section):
    """The index of what is stored. docs/scaling.md says when one machine is not enough."""

    url: IndexUrl = IN_DATA_DIR
    """The database: `sqlite` is a file in data_dir, of this node alone; several nodes share one on
    a PostgreSQL server (15 or later, UTF-8). A password belongs into ~/.pgpass or the environment
    (ECHONODE__index__url), not into this file.
    Example: postgresql+psycopg://echonode@db.clinic.example:5432/echonode"""

    @property
    def server_url(self) -> str:
        """Of the PostgreSQL server; '' for the file in data_dir."""
        return "" if self.url == IN_DATA_DIR else self.url

    @property
    def shown(self) -> str:
        """The same for people and the log, without its password."""
        if not self.server_url:
            return self.url
        parts: SplitResult = urlsplit(self.url)
        return f"{parts.scheme}://{_SECRET.sub('***', parts.netloc)}{parts.path}"
