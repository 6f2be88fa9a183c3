"""A store that is encrypted, or gets another key, and is killed meanwhile (scenario 55)."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from echonode.at_rest.file_cipher import FileCipher
from echonode.at_rest.reading import head_of_file
from echonode.store.encrypting.encrypting import encrypt, rotate
from tests.faults.lives.encrypting import KEYS
from tests.faults.programme import ENCRYPTION_KILLS
from tests.unit.store.encrypting.encrypted_stores import CIPHER, FIRST, check_all, fill, found_in

pytest.importorskip("sqlcipher3")
SEED = 77
IMAGES = 8


def series(tmp_path: Path, kills: int) -> dict[str, int]:
    """The lives of one series, as the process says them."""
    fill(tmp_path / "var", None, count=IMAGES)
    command = [sys.executable, "-m", "tests.faults.lives.encrypting"]
    done = subprocess.run(
        [*command, str(tmp_path / "var"), str(kills), str(SEED)],
        check=False,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    said: dict[str, int] = json.loads(done.stdout.splitlines()[-1])
    print(said)
    return said


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_no_kill_within_an_encryption_or_a_rotation_loses_an_image(tmp_path: Path) -> None:
    """At any write, fsync or rename; each run goes on where the last one ended."""
    said = series(tmp_path, ENCRYPTION_KILLS.count)
    assert (said["killed"], said["images"]) == (ENCRYPTION_KILLS.count, IMAGES)
    assert said["completed"] >= 1
    store = tmp_path / "var-lived"
    assert found_in(store) == []
    head = head_of_file(store / "database.key")
    assert head is not None
    [key_id] = head.key_ids
    [key] = [key for key in KEYS if key.id == key_id]
    check_all(store, FileCipher(key), count=IMAGES)


def test_a_database_is_whole_wherever_its_encryption_is_cut_off(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Before the copy has the name the plain one is there; after it, the encrypted one."""
    from echonode.store.encrypting import databases

    class Stop(BaseException):
        """The machine stops."""

    def stop(*_: object) -> None:
        raise Stop

    for step in ("_settle", "export_database", "_check", "rename", "fsync_folder"):
        data_dir = tmp_path / step
        fill(data_dir, None)
        with monkeypatch.context() as patched:
            patched.setattr(databases, step, stop)
            with pytest.raises(Stop):
                encrypt(data_dir, CIPHER)
        assert encrypt(data_dir, CIPHER).failed == {}
        check_all(data_dir, CIPHER)
        rotate(data_dir, FileCipher(FIRST))
