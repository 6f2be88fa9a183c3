"""A destination that is a DICOMweb server: what check-config refuses, and what it doubts."""

from __future__ import annotations

from pathlib import Path

import pytest
from pydantic import ValidationError

from echonode.config.destination import DestinationSection
from echonode.config.dicomweb_address import parsed
from echonode.config.schema import Config
from echonode.config.web_destinations import web_destination_doubts, web_destination_faults

URL = "https://archive.example/dicom-web"


def section(**given: object) -> DestinationSection:
    values = {"name": "cloud", "dicomweb": URL, "commitment": "verify", **given}
    return DestinationSection.model_validate(values)


def faults(target: DestinationSection, **config: object) -> list[str]:
    whole = Config.model_validate({"ae_title": "ECHONODE", **config})
    found = web_destination_faults("destinations[0]", target, whole)
    return [f"{fault.path}: {fault.problem}" for fault in found]


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        (URL, (True, "archive.example", 443, "/dicom-web")),
        ("http://10.0.0.4:8042/dicom-web/", (False, "10.0.0.4", 8042, "/dicom-web")),
        ("https://[::1]:8443", (True, "::1", 8443, "")),
        ("https://a.example/p%20q/v1;x=1", (True, "a.example", 443, "/p%20q/v1;x=1")),
    ],
)
def test_an_address_is_taken_apart(url: str, expected: tuple[bool, str, int, str]) -> None:
    """A port and a slash at the end may be left out."""
    assert parsed(url) == expected


@pytest.mark.parametrize(
    "url",
    [
        "archive.example/dicom-web",
        "ftp://archive.example",
        "https://",
        "https://user:secret@archive.example/",
        "https://archive.example/?key=secret",
        "https://archive.example/#x",
        "https://archive.example/a b",
        "https://archive.example/a\r\nX: y",
        "https://archive.example:99999/",
        "https://arch_!ve/",
    ],
)
def test_what_is_no_base_url_is_refused_without_its_secret(url: str) -> None:
    """No password goes into the address, where it would be shown."""
    with pytest.raises(ValueError, match=r".") as caught:
        parsed(url)
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"peer": "pacs"}, "either `peer` or `dicomweb`"),
        ({"dicomweb": None}, "either `peer` or `dicomweb`"),
        ({"name": None}, "needs a `name`"),
        ({"dicomweb": None, "peer": "pacs"}, "`name` goes with `dicomweb` only"),
        ({"user": "u"}, "go together"),
        ({"user": "u", "password_file": "p", "token_file": "t"}, "give `token_file`, or"),
        ({"user": "a:b", "password_file": "p"}, "user"),
        ({"dicomweb": "http://a.example", "tls": {"ca": "ca.pem"}}, "needs an address with https"),
    ],
)
def test_keys_that_do_not_go_together_are_refused(given: dict[str, object], said: str) -> None:
    """Each says what is to be changed."""
    with pytest.raises(ValidationError, match=said):
        section(**given)


def test_commitment_required_is_refused_with_the_reason() -> None:
    """`verify` is what proves; `none` is allowed."""
    (fault,) = faults(section(commitment="required"))
    assert fault.startswith("destinations[0].commitment: `required`, but no archive")
    assert faults(section(commitment="none")) == []
    assert faults(section()) == []


def test_the_name_is_no_peers() -> None:
    """Forwarding and commands name destinations."""
    peers = {"cloud": {"ae_title": "CLOUD", "host": "127.0.0.1", "port": 104}}
    assert faults(section(), peers=peers) == ["destinations[0].name: `cloud` is a peer already"]


def test_a_file_with_a_secret_is_there_and_closed_to_others(tmp_path: Path) -> None:
    """As the private key of a certificate."""
    file = tmp_path / "token"
    missing = faults(section(token_file=str(file)))
    assert missing == [
        f"destinations[0].token_file: {file} cannot be read: No such file or directory"
    ]
    file.write_text("abc")
    file.chmod(0o644)
    assert faults(section(token_file=str(file))) == [
        "destinations[0].token_file: can be read by other users"
    ]
    file.chmod(0o600)
    assert faults(section(token_file=str(file))) == []


def test_an_address_in_clear_is_doubted_beyond_this_machine() -> None:
    """Everyone on the way reads the images."""

    def doubted(url: str) -> int:
        destination = {"name": "cloud", "dicomweb": url, "commitment": "verify"}
        config = Config.model_validate({"ae_title": "ECHONODE", "destinations": [destination]})
        return len(list(web_destination_doubts(config)))

    assert doubted("http://archive.example/dicom-web") == 1
    assert doubted("http://127.0.0.1:8042/dicom-web") == 0
    assert doubted(URL) == 0


def test_the_rest_of_the_node_knows_it_as_a_peer_that_never_calls() -> None:
    """Its name stands where an AE title would be."""
    destination = {"name": "cloud", "dicomweb": URL, "commitment": "verify"}
    config = Config.model_validate({"ae_title": "ECHONODE", "destinations": [destination]})
    (value,) = config.destination_values()
    assert (value.name, value.peer.port, value.peer.may) == ("cloud", 443, frozenset())
    assert config.peer_values() == ()
