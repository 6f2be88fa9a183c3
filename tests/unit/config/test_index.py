"""`index.url`: a file in data_dir, or a PostgreSQL server."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from echonode.config.loading import parse
from echonode.config.schema import Config
from echonode.config.summary import summary
from echonode.errors import ConfigError

SERVER = "postgresql+psycopg://echonode:secret@db.clinic.example:5432/echonode"


def config(tmp_path: Path, url: str, **environ: str) -> Config:
    text = f"ae_title: ECHONODE\ndata_dir: {tmp_path}\nindex: {{url: '{url}'}}\n"
    if url == SERVER or environ:
        text += "node: {name: node-1}\n"
    return parse(text, environ)


def test_without_a_word_the_index_is_a_file(tmp_path: Path) -> None:
    """The default needs no server and no further library."""
    assert parse(f"ae_title: ECHONODE\ndata_dir: {tmp_path}", {}).index.server_url == ""
    assert config(tmp_path, "sqlite").index.server_url == ""


def test_the_password_is_not_shown(tmp_path: Path) -> None:
    """check-config and the log name the server and the user, and never the password."""
    [line, *_] = summary(config(tmp_path, SERVER))
    assert line.endswith("postgresql+psycopg://echonode:***@db.clinic.example:5432/echonode")
    assert "secret" not in line


def test_the_environment_gives_the_url(tmp_path: Path) -> None:
    """So that a password need not stand in the file."""
    found = config(tmp_path, "sqlite", ECHONODE__index__url=SERVER)
    assert found.index.server_url == SERVER


@pytest.mark.parametrize(
    ("url", "problem"),
    [
        ("postgres://db/echonode", "not a URL that begins with postgresql+psycopg://"),
        ("mysql://db/echonode", "not a URL that begins with postgresql+psycopg://"),
        ("postgresql+psycopg://db", "names no database"),
        ("postgresql+psycopg://db:port/echonode", "not a URL"),
    ],
)
def test_what_is_no_index_is_refused(tmp_path: Path, url: str, problem: str) -> None:
    """With the key, and what it may be."""
    with pytest.raises(ConfigError) as refused:
        config(tmp_path, url)
    fault = refused.value.faults[0]
    assert fault.path == "index.url"
    assert problem in fault.problem


def test_an_index_of_its_own_is_not_left_behind(tmp_path: Path) -> None:
    """A data_dir with an index is not used with a server's: its promises would be forgotten."""
    (tmp_path / "index.sqlite").touch()
    with pytest.raises(ConfigError, match="of its own"):
        config(tmp_path, SERVER)


def test_a_node_of_several_has_a_name(tmp_path: Path) -> None:
    """Without names two nodes would take each other for their own earlier start."""
    with pytest.raises(ConfigError, match="belongs together with"):
        parse(f"ae_title: ECHONODE\ndata_dir: {tmp_path}\nindex: {{url: '{SERVER}'}}", {})


@pytest.mark.slow
def test_psycopg_is_not_imported_for_sqlite() -> None:
    """A node with SQLite starts without the library of PostgreSQL, installed or not."""
    code = (
        "import sys, tempfile; from pathlib import Path; from echonode.store.store import Store\n"
        "with tempfile.TemporaryDirectory() as folder: Store.open(Path(folder) / 'var').close()\n"
        "assert not any(name.startswith('psycopg') for name in sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)
