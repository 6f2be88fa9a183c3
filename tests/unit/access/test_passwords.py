"""Which passwords and PINs are taken, and what is kept of them."""

from __future__ import annotations

import pytest

from echonode.access.passwords import (
    checked_name,
    checked_password,
    checked_pin,
    hashed,
    is_outdated,
    is_right,
)
from echonode.errors import FieldRefused

GOOD = "four words in a row"
OLDER = "$argon2id$v=19$m=8,t=1,p=1$c2FsdHNhbHRzYWx0$mLJv3Zm1UeJIDTXm8nPRhHVBLfK2BvSQMPq0JQgpYdI"


@pytest.mark.parametrize("password", [GOOD, "密码密码abcd密码密码xy", "Zq7!" * 3])
def test_long_passwords_are_taken(password: str) -> None:
    """Of any characters."""
    assert checked_password(password, name="ada") == password


@pytest.mark.parametrize(
    "password", ["qwertz1", "a" * 300, "aaaaaaaaaaaa", "adaadaadaada", "ada" * 5]
)
def test_what_is_guessed_first_is_refused(password: str) -> None:
    """With what to do; the value itself is not repeated."""
    with pytest.raises(FieldRefused) as refused:
        checked_password(password, name="ada")
    assert refused.value.remedy
    assert password not in str(refused.value)


@pytest.mark.parametrize("pin", ["2580", "84210963"])
def test_pins_have_four_to_eight_digits(pin: str) -> None:
    """Enough for the few tries that there are."""
    assert checked_pin(pin) == pin


@pytest.mark.parametrize("pin", ["", "123", "0000", "1234", "9876", "123456789", "12a4", "٣٤٥٨"])
def test_other_pins_are_refused(pin: str) -> None:
    """Too short, too long, no digits, or a row of them."""
    with pytest.raises(FieldRefused):
        checked_pin(pin)


def test_names_are_kept_in_small_letters() -> None:
    """So that one person has one name."""
    assert checked_name(" Ada.L ") == "ada.l"
    for name in ("", "-a", "a b", "a" * 33, "../x", "local command", "ädä"):
        with pytest.raises(FieldRefused):
            checked_name(name)


@pytest.mark.slow
def test_what_is_kept_is_argon2id_and_fits_the_password_alone() -> None:
    """With 64 MiB; the same password twice makes two hashes."""
    kept = hashed(GOOD)
    assert kept.startswith("$argon2id$v=19$m=65536,t=3,p=1$")
    assert kept != hashed(GOOD)
    assert is_right(kept, GOOD)
    assert not is_right(kept, GOOD + " ")
    assert not is_outdated(kept)
    assert is_outdated(OLDER)


@pytest.mark.slow
def test_two_keyboards_write_one_password() -> None:
    """A letter with an accent, as one character and as two."""
    assert is_right(hashed("caf\u00e9 au lait, 2"), "cafe\u0301 au lait, 2")


@pytest.mark.slow
@pytest.mark.parametrize("kept", ["", "no hash", "$argon2id$v=19$m=8,t=1,p=1$x$y"])
def test_nothing_fits_what_is_no_hash(kept: str) -> None:
    """An unknown user, or a damaged row."""
    assert not is_right(kept, "a password that no user has")
