"""Parts of an answer, and answers that the caller has already."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from echonode.dicomweb.answers import Refused
from echonode.dicomweb.byte_range import has_it, read_range


@pytest.mark.parametrize(
    ("header", "wanted"),
    [
        ("bytes=0-9", (0, 10)),
        ("bytes=5-", (5, 95)),
        ("bytes=-7", (93, 7)),
        ("bytes=-200", (0, 100)),
        ("bytes=90-200", (90, 10)),
        (None, None),
        ("bytes=0-1,5-6", None),
        ("lines=1-2", None),
        ("bytes=9-3", None),
        ("bytes=-", None),
    ],
)
def test_a_range(header: str | None, wanted: tuple[int, int] | None) -> None:
    """One range is served; another header is as if it were not there (RFC 9110 14.2)."""
    assert read_range(header, 100) == wanted


@pytest.mark.parametrize("header", ["bytes=100-", "bytes=100-200", "bytes=-0"])
def test_a_range_outside_is_refused(header: str) -> None:
    """416 (RFC 9110 15.5.17)."""
    with pytest.raises(Refused) as refused:
        read_range(header, 100)
    assert refused.value.status == 416


@pytest.mark.slow
@given(st.text(max_size=40), st.integers(min_value=0, max_value=1000))
def test_any_text_is_read(header: str, size: int) -> None:
    """A range that is found lies within."""
    for text in (header, f"bytes={header}"):
        try:
            found = read_range(text, size)
        except Refused:
            continue
        assert found is None or (found[0] >= 0 and found[1] > 0 and sum(found) <= size)


def test_an_answer_is_known_by_its_tag() -> None:
    """One of several, or any."""
    assert has_it('"a", W/"b"', '"b"')
    assert has_it("*", '"b"')
    assert not has_it('"a"', '"b"')
    assert not has_it(None, '"b"')
