"""Which records name a patient: by number, by name, or by the keys of a query. Pure.

A query that asked for the family name is of this patient too: the name must not be in the trail
any more. Of another patient of the same name the keys of queries go with it; the records stay.
"""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Callable, Iterable, Iterator
from urllib.parse import unquote_plus

_SHORTEST = 3  # of a family name that is looked for in queries; a shorter one is in every text


def names_of(patient_id: str, names: Iterable[str]) -> Callable[[str], bool]:
    """Whether a record's private part names the patient."""
    words = [patient_id, *_families(names)]
    alone = (rf"(?<!\w){re.escape(word)}(?!\w)" for word in words)
    pattern = re.compile("|".join(alone), re.IGNORECASE)

    def names_patient(private: str) -> bool:
        values = json.loads(private)
        if values.get("id") == patient_id:
            return True
        keys = base64.b64decode(values.get("keys", "")).decode("utf-8", "replace")
        return bool(pattern.search(keys) or pattern.search(unquote_plus(keys)))

    return names_patient


def _families(names: Iterable[str]) -> Iterator[str]:
    """The family name of each group: Yamada^Tarou=山田^太郎."""
    for name in names:
        for group in name.split("="):
            family = group.partition("^")[0].strip()
            if family and (len(family) >= _SHORTEST or not family.isascii()):
                yield family
