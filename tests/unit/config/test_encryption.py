"""The section `encryption`: one source for each key, its faults, and what it does not go with."""

from __future__ import annotations

from pathlib import Path

import pytest

from echonode.config import Config, parse
from echonode.config import encryption as section
from echonode.errors import ConfigError

KEY = "0f" * 32


def configured(tmp_path: Path, encryption: str, *more: str) -> Config:
    """A configuration with that section."""
    lines = ["ae_title: ECHONODE", f"data_dir: {tmp_path / 'var'}", f"encryption: {encryption}"]
    return parse("\n".join([*lines, *more]), {})


def key_file(tmp_path: Path, content: str = KEY, mode: int = 0o600) -> Path:
    path = tmp_path / "master.key"
    path.write_text(content)
    path.chmod(mode)
    return path


def test_without_a_key_nothing_is_encrypted(tmp_path: Path) -> None:
    """The default."""
    assert configured(tmp_path, "{}").encryption.cipher is None


def test_one_key_switches_it_on(tmp_path: Path) -> None:
    """With the earlier keys behind it; it is read once."""
    path = key_file(tmp_path)
    config = configured(
        tmp_path,
        f"{{key: {{command: [echo, {'f0' * 32}]}}, earlier_keys: [{{file: {path}}}]}}",
    )
    cipher = config.encryption.cipher
    assert cipher is not None
    assert len(cipher.key_ids) == 2
    assert config.encryption.cipher is cipher


@pytest.mark.parametrize(
    "key", ["{}", "{file: /a, credential: b}", "{credential: c, command: [d]}", "{credential: a/b}"]
)
def test_a_key_has_one_source(tmp_path: Path, key: str) -> None:
    """None, two, or a name that would leave the folder of credentials are refused."""
    with pytest.raises(ConfigError) as refused:
        configured(tmp_path, f"{{key: {key}}}")
    assert refused.value.faults[0].path.startswith("encryption.key")


def test_a_key_that_cannot_be_used_is_named_by_its_place(tmp_path: Path) -> None:
    """No key, one that others can read, one that is gone; the key itself is never quoted."""
    path = key_file(tmp_path, mode=0o644)
    for content, words in ((KEY, "other users"), ("short", "64 hexadecimal"), (None, "cannot be")):
        if content is None:
            path.unlink()
        else:
            path.write_text(content)
        config = configured(tmp_path, f"{{key: {{file: {path}}}}}")
        with pytest.raises(ConfigError, match=words) as refused:
            _ = config.encryption.cipher
        [fault] = refused.value.faults
        assert fault.path == "encryption.key"
        assert KEY not in str(refused.value)


@pytest.mark.parametrize(
    ("more", "words"),
    [
        ('index: {url: "postgresql+psycopg://db/x"}\nnode: {name: a}', "PostgreSQL server"),
        ('objects: {url: "s3://bucket/x"}', "object storage"),
    ],
)
def test_what_lies_on_a_server_is_not_promised(tmp_path: Path, more: str, words: str) -> None:
    """The fault names the server's own encryption."""
    with pytest.raises(ConfigError) as refused:
        configured(tmp_path, f"{{key: {{file: {key_file(tmp_path)}}}}}", more)
    [fault] = [each for each in refused.value.faults if each.path == "encryption.key"]
    assert words in fault.problem
    assert "ncrypt" in fault.remedy


def test_earlier_keys_alone_are_a_fault(tmp_path: Path) -> None:
    """Leaving the key out does not decrypt a store."""
    with pytest.raises(ConfigError, match="is missing"):
        configured(tmp_path, f"{{earlier_keys: [{{file: {key_file(tmp_path)}}}]}}")


def test_without_sqlcipher_the_fault_names_the_extra(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing is half encrypted."""
    monkeypatch.setattr(section, "find_spec", lambda name: None)
    config = configured(tmp_path, f"{{key: {{file: {key_file(tmp_path)}}}}}")
    with pytest.raises(ConfigError, match=r"echonode\[encryption\]"):
        _ = config.encryption.cipher
