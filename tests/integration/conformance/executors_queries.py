"""Executes the claims on queries: levels, keys, options, character sets."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from pydicom.charset import python_encoding
from pydicom.datadict import dictionary_VR, tag_for_keyword
from pydicom.dataset import Dataset
from pydicom.uid import ExplicitVRLittleEndian, ImplicitVRLittleEndian, generate_uid
from pynetdicom.pdu_primitives import SOPClassExtendedNegotiation

from echonode.dimse.contexts import FIND_CLASSES
from echonode.dimse.scp.cancellable import FindOption
from echonode.model.attributes import ATTRIBUTES, UNIQUE_KEYS
from echonode.model.criteria import Level, Root
from echonode.monitoring.conformance.claim import Claim
from echonode.query_retrieve.file_keys import UPPER_LEVELS
from tests.integration.conformance.executors_network import US_IMAGE, instance, store
from tests.integration.conformance.site import Site

STUDY_FIND = FIND_CLASSES[Root.STUDY]
_RICH = "rich"
_VALUES = {
    "DA": ("20200102", "20200103"), "TM": ("101112", "111213"), "IS": ("7", "8"),
    "DS": ("1.5", "2.5"), "AS": ("041Y", "042Y"), "US": (3, 4), "DT": ("20200102101112", "2019"),
    "CS": ("CODE_A", "CODE_B"), "UI": ("1.2.3.4.5", "1.2.3.4.6"),
}  # fmt: skip
# Characters of which each set has one.
_CANDIDATES = "éłЖبאαşŁēï가ｱ山ก中é"


def value_of(keyword: str) -> tuple[object, object]:
    """A value of an attribute, and another."""
    vr = dictionary_VR(tag_for_keyword(keyword) or 0)
    if vr == "SQ":
        found = []
        for text in ("VALUE-A", "VALUE-B"):
            item = Dataset()
            item.CodeMeaning = text
            found.append([item])
        return found[0], found[1]
    return _VALUES.get(vr, (f"A {keyword}"[:16], f"B {keyword}"[:16]))


def rich(site: Site) -> Dataset:
    """An instance with a value of every key, in the store once."""
    if _RICH not in site.kept:
        dataset = instance(US_IMAGE)
        taken = {*UNIQUE_KEYS.values(), "SOPClassUID", *dir(dataset)}
        for keyword, attribute in ATTRIBUTES.items():
            if not attribute.computed and keyword not in taken:
                setattr(dataset, keyword, value_of(keyword)[0])
        for keyword in UPPER_LEVELS:
            setattr(dataset, keyword, value_of(keyword)[0])
        dataset.PatientID = "RICH"
        assert store(site, dataset, ExplicitVRLittleEndian) == 0
        site.kept[_RICH] = dataset
    return site.kept[_RICH]


def find(
    site: Site, identifier: Dataset, model: str = STUDY_FIND, **options: Any
) -> list[tuple[int, Dataset]]:
    """The Pending answers: (status, identifier)."""
    contexts = [(model, [ExplicitVRLittleEndian])]
    with site.association(contexts, **options) as association:
        answers = [(int(s.Status), a) for s, a in association.send_c_find(identifier, model)]
    assert answers[-1][0] == 0, f"status {answers[-1][0]:04X}"
    return [(status, answer) for status, answer in answers[:-1] if answer is not None]


def at_level(dataset: Dataset, level: str, root: Root = Root.PATIENT) -> Dataset:
    """An identifier with the unique keys of the levels above."""
    identifier = Dataset()
    identifier.QueryRetrieveLevel = level
    for above in Level:
        if above.depth < Level(level).depth and not (root is Root.STUDY and above is Level.PATIENT):
            keyword = UNIQUE_KEYS[above]
            setattr(identifier, keyword, dataset[keyword].value)
    return identifier


def level(site: Site, claim: Claim) -> None:
    """The rich instance is found at this level of this root, by its unique key."""
    root, wanted = claim.subject.rsplit("/", 1)
    held = rich(site)
    identifier = at_level(held, wanted, Root(root))
    keyword = UNIQUE_KEYS[Level(wanted)]
    setattr(identifier, keyword, held[keyword].value)
    [(status, answer)] = find(site, identifier, FIND_CLASSES[Root(root)])
    assert status == 0xFF00
    assert answer[keyword].value == held[keyword].value


def key(site: Site, claim: Claim) -> None:
    """By the value the instance is found, by another it is not; and the value comes back."""
    keyword = claim.subject
    held, wanted = rich(site), claim.values[3]
    model = FIND_CLASSES[Root.PATIENT]
    identifier = at_level(held, wanted)
    unique = UNIQUE_KEYS[Level(wanted)]
    setattr(identifier, unique, held[unique].value)
    is_given = "matched" in claim.values[4] or claim.values[4] == "unique key"
    if is_given:
        setattr(identifier, keyword, held[keyword].value)
    else:
        setattr(identifier, keyword, "")
    [(status, answer)] = find(site, identifier, model)
    assert status == 0xFF00, "not supported"
    if not is_given:
        assert answer[keyword].value not in (None, ""), "nothing is returned"
        return
    assert answer[keyword].value == held[keyword].value, f"returned {answer[keyword].value!r}"
    other = generate_uid() if keyword == unique else value_of(keyword)[1]
    setattr(identifier, keyword, other)
    assert find(site, identifier, model) == [], "another value matches too"


def option(site: Site, claim: Claim) -> None:
    """Asked for alone, it is granted alone."""
    place = FindOption[claim.subject.upper()]
    assert claim.values[1] == str(place + 1)
    asked = bytearray(len(FindOption))
    asked[place] = 1
    item = SOPClassExtendedNegotiation()
    item.sop_class_uid = STUDY_FIND
    item.service_class_application_information = bytes(asked)
    contexts = [(STUDY_FIND, [ImplicitVRLittleEndian])]
    with site.association(contexts, ext_neg=[item]) as association:
        assert association.acceptor.sop_class_extended == {STUDY_FIND: bytes(asked)}


def _named() -> Iterator[tuple[str, str]]:
    """A character for each set."""
    for term, codec in python_encoding.items():
        for character in _CANDIDATES:
            if character.isascii() or (codec == "shift_jis" and character != "ｱ"):
                continue
            try:
                character.encode(codec)
            except (UnicodeEncodeError, LookupError):
                continue
            if codec == "iso8859":
                continue
            yield term, character
            break


def character_set(site: Site, claim: Claim) -> None:
    """A name with a character of the set is found by its bytes in the set, and comes in it."""
    term = claim.subject
    character = dict(_named()).get(term)
    terms = ["", term] if term.startswith("ISO 2022") else [term]
    if character is None:  # ISO 646: the query is ASCII, and so is the answer
        character = "x"
    name = f"Set{character}^{term.replace(' ', '')}"
    if character == "ｱ":  # what pydicom encodes in JIS X 0201 is katakana alone
        name = "ｱｲｳ^ｱ"
    held = instance(US_IMAGE, PatientName=name, PatientID=f"SET {term}")
    held.SpecificCharacterSet = "ISO_IR 192"
    assert store(site, held, ExplicitVRLittleEndian) == 0
    identifier = Dataset()
    identifier.QueryRetrieveLevel, identifier.StudyInstanceUID = "STUDY", ""
    identifier.SpecificCharacterSet = terms
    identifier.PatientName, identifier.PatientID = name, held.PatientID
    [(_, answer)] = find(site, identifier)
    assert str(answer.PatientName) == name
    if character != "x":
        declared = answer.SpecificCharacterSet
        assert (list(declared) if not isinstance(declared, str) else [declared]) == terms


def written_set(site: Site, claim: Claim) -> None:
    """The still declares it."""
    image = site.counterpart.received("ORTHANC", site.still)
    assert image.SpecificCharacterSet == claim.values[1]
