"""The evidence of nodes that share a PostgreSQL and a bucket, read without a line of EchoNode.

The database by psycopg, the objects by plain HTTP: the server is moto, which looks at no signature.

An object without a row is no fault here: a node that dies between PUT and row leaves one, which was
never acknowledged, and which is taken in after a day. So an object counts as held only by its row.
"""

from __future__ import annotations

import urllib.parse
import urllib.request
import xml.etree.ElementTree as ElementTree
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path

import psycopg

from tests.faults.judging.evidence import Folder, NotAnInstance, Row, split_stream

_SPACE = "{http://s3.amazonaws.com/doc/2006-03-01/}"
_PATIENCE_S = 60
_AUTHORIZATION = "AWS4-HMAC-SHA256 Credential=JUDGE/20260101/us-east-1/s3/aws4_request"


def read_shared(database: str, bucket: str) -> Folder:
    """database: a conninfo of PostgreSQL. bucket: its URL, with the prefix of the instances."""
    folder = Folder()
    with psycopg.connect(database, autocommit=True) as connection:
        columns = "file_id, sop_instance_uid, dataset_sha256, size"
        for file_id, uid, sha256, size in connection.execute(f"SELECT {columns} FROM instance"):
            folder.rows[file_id] = Row(
                file_id=file_id, sop_instance_uid=uid, sha256=sha256, size=size
            )
        buried = connection.execute("SELECT sop_instance_uid, dataset_sha256 FROM tombstone")
        folder.tombstones = dict(buried.fetchall())
    keys = {Path(key).stem: key for key in _keys(bucket)}
    for file_id in folder.rows.keys() & keys.keys():
        key = keys[file_id]
        try:
            content = _get(f"{_server_and_name(bucket)[0]}/{urllib.parse.quote(key)}")
            folder.files[file_id] = split_stream(BytesIO(content), Path(key))
        except (NotAnInstance, OSError) as error:
            folder.faults.append(f"{key} is not an instance: {error}")
    folder.without_row = len(keys.keys() - folder.rows.keys())
    return folder


def _server_and_name(bucket: str) -> tuple[str, str]:
    """http://HOST:PORT/BUCKET, and the prefix below it."""
    parts = urllib.parse.urlsplit(bucket)
    name, _, prefix = parts.path.strip("/").partition("/")
    return f"{parts.scheme}://{parts.netloc}/{name}", prefix


def _keys(bucket: str) -> Iterator[str]:
    address, prefix = _server_and_name(bucket)
    token = ""
    while True:
        query = {"list-type": "2", "prefix": f"{prefix}/instances/"}
        if token:
            query["continuation-token"] = token
        listed = ElementTree.fromstring(_get(f"{address}?{urllib.parse.urlencode(query)}"))
        for each in listed.iter(f"{_SPACE}Key"):
            yield each.text or ""
        token = listed.findtext(f"{_SPACE}NextContinuationToken") or ""
        if not token:
            return


def _get(url: str) -> bytes:
    request = urllib.request.Request(url, headers={"Authorization": _AUTHORIZATION})
    with urllib.request.urlopen(request, timeout=_PATIENCE_S) as answer:
        content: bytes = answer.read()
        return content
