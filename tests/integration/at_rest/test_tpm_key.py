"""The master key sealed to a TPM 2.0, a simulated one (swtpm): by systemd-creds and by the node."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from echonode.at_rest.key_sources import KeySource, KeyUnusable
from tests.peers.fixtures import require_program
from tests.peers.process import ChildProcess
from tests.support.waiting import wait_until

pytestmark = [pytest.mark.peers, pytest.mark.timeout(120)]
KEY = "0123456789abcdef" * 4
NAME = "echonode-master-key"


@dataclass(frozen=True)
class Tpm:
    """address: as TCTI names it."""

    address: str


def _started(folder: Path) -> tuple[ChildProcess, Tpm]:
    folder.mkdir()
    # The library takes the path of the control channel to be that with `.ctrl` behind it.
    socket, control = folder / "s", folder / "s.ctrl"
    child = ChildProcess(
        [
            *(require_program("swtpm"), "socket", "--tpm2", "--tpmstate", f"dir={folder}"),
            *("--server", f"type=unixio,path={socket}"),
            *("--ctrl", f"type=unixio,path={control}"),
            *("--flags", "not-need-init,startup-clear"),
        ],
        folder=folder,
        name="swtpm",
    )
    child.start()
    wait_until(lambda: socket.exists() and control.exists(), timeout_s=20, what="the TPM")
    return child, Tpm(f"swtpm:path={socket}")


@pytest.fixture
def tpm(tmp_path: Path) -> Iterator[Tpm]:
    child, started = _started(tmp_path / "tpm")
    yield started
    child.kill()


@pytest.fixture
def sealed(tmp_path: Path, tpm: Tpm) -> Path:
    """The key, as docs/encryption.md seals it."""
    plain, credential = tmp_path / "master.key", tmp_path / "master.cred"
    plain.touch(0o600)
    plain.write_text(KEY)
    subprocess.run(
        [
            *(require_program("systemd-creds"), "encrypt", "--with-key=tpm2"),
            *(f"--tpm2-device={tpm.address}", f"--name={NAME}", plain, credential),
        ],
        check=True,
        capture_output=True,
        timeout=60,
    )
    plain.unlink()
    assert KEY.encode() not in credential.read_bytes()
    return credential


def source(credential: Path) -> KeySource:
    """`command` of the configuration."""
    return KeySource(command=("systemd-creds", "decrypt", f"--name={NAME}", str(credential), "-"))


def test_a_key_that_is_sealed_to_the_tpm_is_read(
    tpm: Tpm, sealed: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By `command`, from the file that systemd-creds wrote."""
    monkeypatch.setenv("SYSTEMD_TPM2_DEVICE", tpm.address)
    assert source(sealed).key().secret.hex() == KEY


def test_another_tpm_does_not_open_it(
    sealed: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A disk that was taken out of its machine: the error says so and quotes nothing."""
    child, other = _started(tmp_path / "other")
    try:
        monkeypatch.setenv("SYSTEMD_TPM2_DEVICE", other.address)
        with pytest.raises(KeyUnusable) as refused:
            source(sealed).key()
    finally:
        child.kill()
    assert KEY not in str(refused.value)
