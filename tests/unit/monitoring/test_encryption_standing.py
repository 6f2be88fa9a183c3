"""What is wrong with encryption at rest: check-config, preflight and the alarms say it."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from echonode.config import Config, parse
from echonode.config.encryption_doubts import encryption_doubts
from echonode.config.summary import summary
from echonode.monitoring.encryption_alarms import EncryptionFacts, encryption_alarms
from echonode.monitoring.preflight.encryption_check import check_encryption
from echonode.store.encrypting.encrypting import rotate
from echonode.store.encrypting.standing import standing_of
from echonode.store.files.layout import Layout
from echonode.store.store import Store
from tests.unit.store.encrypting.encrypted_stores import FIRST, SECOND, fill
from tests.unit.store.samples import NOON

pytest.importorskip("sqlcipher3")
OLD, NEW = FIRST.secret.hex(), SECOND.secret.hex()


class Site:
    """A store that the first key encrypts, and a configuration with key files of its own."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.data_dir = folder, folder / "var"
        self.key = self.key_file("master.key", OLD)
        self.earlier: list[Path] = []

    def key_file(self, name: str, key: str) -> Path:
        path = self.folder / name
        path.touch(0o600)
        path.write_text(key)
        return path

    def config(self, encryption: str = "") -> Config:
        earlier = ", ".join(f"{{file: {path}}}" for path in self.earlier)
        given = encryption or f"{{key: {{file: {self.key}}}, earlier_keys: [{earlier}]}}"
        lines = ("ae_title: ECHONODE", f"data_dir: {self.data_dir}", f"encryption: {given}")
        return parse("\n".join(lines), {})

    def fill(self, *, encrypted: bool = True) -> None:
        fill(self.data_dir, self.config().encryption.cipher if encrypted else None)

    def doubts(self, encryption: str = "") -> list[str]:
        return [str(doubt) for doubt in encryption_doubts(self.config(encryption))]

    def steps(self, encryption: str = "") -> list[tuple[str, bool | None, str, str]]:
        outcome = check_encryption(self.config(encryption))
        assert outcome is not None
        return [(step.name, step.ok, step.detail, step.remedy) for step in outcome.steps]

    def alarms(self, config: Config, **more: int) -> dict[str, str]:
        """As a node that runs with that configuration raises them."""
        cipher = config.encryption.cipher
        assert cipher is not None
        facts = EncryptionFacts(
            key_id=cipher.current.id,
            standing=standing_of(Layout(self.data_dir, cipher=cipher)),
            key_problem=config.encryption.problem_of_next_start(),
            **more,
        )
        return {alarm.name: alarm.text for alarm in encryption_alarms(facts)}


@pytest.fixture
def site(tmp_path: Path) -> Site:
    return Site(tmp_path)


@pytest.mark.slow
def test_an_encrypted_store_with_its_key_is_no_doubt(site: Site) -> None:
    """Before its first start, and after it; check-config's summary says that it is encrypted."""
    assert site.doubts() == []
    assert [(name, ok) for name, ok, *_ in site.steps()] == [("key", True), ("opens", True)]
    assert "a new store" in site.steps()[1][2]
    site.fill()
    assert site.doubts() == []
    assert [(name, ok) for name, ok, *_ in site.steps()] == [("key", True), ("opens", True)]
    assert site.alarms(site.config()) == {}
    assert next(summary(site.config())).endswith(", encrypted")


@pytest.mark.slow
def test_without_a_key_there_is_nothing_to_check(site: Site) -> None:
    """Of a plain store; of an encrypted one the doubt says that the node would not start."""
    site.fill(encrypted=False)
    assert site.doubts("{}") == []
    assert check_encryption(site.config("{}")) is None
    shutil.rmtree(site.data_dir)
    site.fill()
    [doubt] = site.doubts("{}")
    assert "is encrypted, and no key is configured" in doubt


@pytest.mark.slow
@pytest.mark.parametrize(
    ("content", "mode", "words"),
    [
        ("no key", 0o600, "64 hexadecimal digits"),
        (OLD, 0o644, "other users of this machine"),
        (NEW, 0o600, FIRST.id),
        (None, 0o600, "cannot be read"),
    ],
    ids=["no key", "open to others", "another key", "gone"],
)
def test_a_key_that_is_gone_unreadable_or_wrong_is_told_before_the_start(
    site: Site, content: str | None, mode: int, words: str
) -> None:
    """With its place and a remedy, and never with the key itself."""
    site.fill()
    if content is None:
        site.key.unlink()
    else:
        site.key.write_text(content)
        site.key.chmod(mode)
    [doubt] = site.doubts()
    assert doubt.startswith("encryption.key: ")
    assert words in doubt
    [failed] = [step for step in site.steps() if step[1] is False]
    assert words in failed[2]
    assert failed[3]
    assert OLD not in doubt + str(site.steps())


def test_a_store_that_is_not_encrypted_yet_is_told_before_the_start(site: Site) -> None:
    """The remedy is the command."""
    site.fill(encrypted=False)
    [doubt] = site.doubts()
    assert "is not encrypted. First stop the node, and run `echonode encrypt`." in doubt
    assert site.steps()[1][:2] == ("opens", False)


def test_a_program_that_gives_the_key_is_asked_by_preflight_alone(site: Site) -> None:
    """check-config says only whether it is there: it may ask a person."""
    asked = site.folder / "asked"
    program = site.folder / "give"
    program.write_text(f"#!/bin/sh\ntouch {asked}\necho {OLD}\n")
    program.chmod(0o700)
    by_command = f"{{key: {{command: [{program}]}}}}"
    assert site.doubts(by_command) == []
    assert not asked.exists()
    assert [ok for _, ok, *_ in site.steps(by_command)] == [True, True]
    assert asked.exists()
    [doubt] = site.doubts("{key: {command: [no-such-program]}}")
    assert "there is no program `no-such-program`" in doubt
    assert site.steps("{key: {command: [no-such-program]}}")[0][:2] == ("key", False)


@pytest.mark.slow
def test_a_change_of_keys_is_told_until_its_end(site: Site) -> None:
    """The new key and the earlier one, then `encrypt --rotate`, then the earlier one goes."""
    site.fill()
    site.earlier = [site.key]
    site.key = site.key_file("new.key", NEW)
    config = site.config()
    [doubt] = site.doubts()
    assert f"still sealed under the master key {FIRST.id}" in doubt
    assert "echonode encrypt --rotate" in doubt
    assert site.steps()[-1][:2] == ("key_change", False)
    assert list(site.alarms(config)) == ["key_change"]
    cipher = config.encryption.cipher
    assert cipher is not None
    rotate(site.data_dir, cipher)
    assert site.alarms(config) == {}
    [doubt] = site.doubts()
    assert "no file is sealed under an earlier key any more" in doubt
    site.earlier = []
    assert site.doubts() == []
    assert [ok for _, ok, *_ in site.steps()] == [True, True]


@pytest.mark.slow
def test_a_key_that_goes_while_the_node_runs_is_an_alarm(site: Site) -> None:
    """The node goes on with what it read, and would not start again."""
    site.fill()
    config = site.config()
    assert site.alarms(config) == {}
    site.key.write_text(NEW)
    assert "another key than the node was started with" in site.alarms(config)["encryption_key"]
    site.key.unlink()
    said = site.alarms(config)["encryption_key"]
    assert said.startswith("the node would not start again: the key file ")
    assert os.strerror(2) in said


@pytest.mark.slow
def test_what_lies_there_in_plain_is_an_alarm(site: Site) -> None:
    """Databases that were set aside before, by name; files that the scrub met. An encrypted
    database that was set aside raises no alarm."""
    site.fill()
    config = site.config()
    shutil.copy(site.data_dir / "index.sqlite", site.data_dir / "damaged-1.sqlite")
    assert site.alarms(config) == {}
    fill(site.folder / "plain", None)
    shutil.copy(site.folder / "plain" / "index.sqlite", site.data_dir / "damaged-2.sqlite")
    assert "remove damaged-2.sqlite" in site.alarms(config)["plain_databases"]
    (site.data_dir / "damaged-2.sqlite").unlink()
    assert site.alarms(config, plain_files=1)["plain_files"].startswith("1 stored file is not")
    assert site.alarms(config, plain_files=7)["plain_files"].startswith("7 stored files are not")


@pytest.mark.slow
def test_a_plain_file_in_an_encrypted_store_is_read_and_counted(site: Site) -> None:
    """As it comes back from a backup of plain days; `echonode encrypt` would seal it."""
    site.fill()
    fill(site.folder / "plain", None)
    cipher = site.config().encryption.cipher
    with (
        Store.open(site.data_dir, now=lambda: NOON, cipher=cipher) as store,
        Store.open(site.folder / "plain", now=lambda: NOON) as plain,
    ):
        first, last = store.scrub.span()
        assert store.scrub.run(first - 1, last).plain == 0
        ours, theirs = (each.index.instance("1.2.3.4.1") for each in (store, plain))
        assert ours is not None
        assert theirs is not None
        shutil.copy(theirs.path, ours.path)
        done = store.scrub.run(first - 1, last)
        assert (done.plain, done.damaged) == (1, [])
        first, last = plain.scrub.span()
        assert plain.scrub.run(first - 1, last).plain == 0
