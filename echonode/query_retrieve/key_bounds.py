"""How large the keys of an identifier may be; larger ones are answered A900 (PS3.4 C.4.1.1.4).

Rules
- The work of a query grows with its keys: each value is decoded, compiled, and compared with every
  candidate row. The message size alone (dimse/limits.py) would allow hours of it.
- No real query comes near these limits. A list of UIDs does not count for the number of values and
  the total: a viewer may name each image of a large study (C.2.2.2.2), and a UID is compared
  in constant time.
- Elements inside sequence items count as keys.
"""

from __future__ import annotations

from collections.abc import Iterable

from pydicom.dataset import Dataset

from echonode.query_retrieve.element_text import items_of, size_of, vr_of
from echonode.query_retrieve.refusal import refused

# Keys of one identifier. The richest real ones (a viewer that asks for all it can show) have 60.
MOST_KEYS = 1_000
# Characters of one value. LO has 64, PN 3 x 64 (PS3.5 6.2), ST the most of all keys in use.
LONGEST_VALUE = 1_024
# Values of one key that is not a list of UIDs. Modalities in Study and Patient ID have a dozen at
# most.
MOST_VALUES = 64
# Bytes of all keys together that are not lists of UIDs: decoded and compiled in milliseconds.
MOST_KEY_BYTES = 256 * 1024
# Sequences in sequences. A key that reaches three deep is rare.
MOST_NESTED = 16


def check_identifier(identifier: Dataset) -> None:
    """Check what can be checked before anything is decoded. Raises DimseFailure A900."""
    keys = size = 0
    held = [(identifier, 0)]
    while held:
        dataset, nested = held.pop()
        tags = list(dataset.keys())
        keys += len(tags)
        size += sum(size_of(dataset, tag) for tag in tags if vr_of(dataset, tag) != "UI")
        if keys > MOST_KEYS:
            raise refused(f"over {MOST_KEYS:,} keys")
        if size > MOST_KEY_BYTES:
            raise refused(f"the keys have over {MOST_KEY_BYTES:,} bytes")
        if nested > MOST_NESTED:
            raise refused(f"sequences are nested deeper than {MOST_NESTED}")
        for tag in tags:
            if vr_of(dataset, tag) == "SQ":
                held += [(item, nested + 1) for item in items_of(dataset, tag)]


def check_values(vr: str, values: Iterable[str]) -> None:
    """Check the values of one key, decoded. Raises DimseFailure A900."""
    lengths = [len(value.strip(" \0")) for value in values]
    if vr != "UI" and len(lengths) > MOST_VALUES:
        raise refused(f"a key has over {MOST_VALUES} values")
    if max(lengths, default=0) > LONGEST_VALUE:
        raise refused(f"a key has over {LONGEST_VALUE:,} characters")
