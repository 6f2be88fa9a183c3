"""Query and retrieve as SCP: levels, keys, options and character sets.

Sources: query_retrieve/hierarchy.py, model/attributes.py, query_retrieve/file_keys.py,
dimse/scp/cancellable.py, and the character sets that pydicom decodes.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from pydicom.charset import python_encoding
from pydicom.datadict import keyword_for_tag

from echonode.config import Config
from echonode.dimse.contexts import FIND_CLASSES
from echonode.dimse.scp.cancellable import FindOption
from echonode.model.attributes import ATTRIBUTES, Attribute
from echonode.model.criteria import Root
from echonode.model.identity import Service
from echonode.monitoring.conformance.claim import Claim, Kind
from echonode.monitoring.conformance.names import attribute_name, tag_text, uid_name, vr_of
from echonode.monitoring.conformance.network import granted
from echonode.query_retrieve.file_keys import UPPER_LEVELS
from echonode.query_retrieve.hierarchy import levels_of
from echonode.query_retrieve.identifier import TIMEZONE_OFFSET

LEVEL: Final = Kind(
    name="query-level",
    section="5.2.7",
    title="Levels of query and retrieve",
    columns=("information model", "level"),
    says="{0} is answered at {1} level.",
)
KEY: Final = Kind(
    name="query-key",
    section="5.2.7",
    title="Keys of queries",
    columns=("attribute", "tag", "VR", "from level", "use"),
    says="{0} {1}, VR {2}, is a key at {3} level and below: {4}.",
)
OPTION: Final = Kind(
    name="query-option",
    section="5.2.7",
    title="Extended negotiation of C-FIND",
    columns=("option", "byte"),
    says="The option {0} (byte {1} of the application information) is granted where it is asked.",
)
CHARACTER_SET: Final = Kind(
    name="character-set",
    section="5.7",
    title="Specific Character Sets of queries",
    columns=("defined term",),
    says="A query that declares {0} is read in it, and answered in it where it has the characters.",
)
WRITTEN_SET: Final = Kind(
    name="written-character-set",
    section="5.7",
    title="Specific Character Sets of what is created",
    columns=("what", "defined term"),
    says="{0} declare {1}.",
)
KINDS: Final = (LEVEL, KEY, OPTION, CHARACTER_SET, WRITTEN_SET)

_OPTIONS: Final = {
    FindOption.RELATIONAL: "relational queries",
    FindOption.COMBINED_DATE_TIME: "combined date-time matching",
    FindOption.FUZZY_NAMES: "fuzzy matching of person names",
}


def query_claims(config: Config) -> Iterator[Claim]:
    """Every claim of this module."""
    yield WRITTEN_SET.claim("images", "Images that are made here", "ISO_IR 192")
    if Service.FIND not in granted(config):
        return
    for root in Root:
        for level in levels_of(root):
            model = uid_name(FIND_CLASSES[root])
            yield LEVEL.claim(f"{root}/{level}", model, level)
    for keyword, attribute in ATTRIBUTES.items():
        yield _key(keyword, attribute.level, _use(attribute))
    for keyword, level in sorted(UPPER_LEVELS.items()):
        yield _key(keyword, level, "matched, returned; read from the stored files")
    for option in FindOption:
        yield OPTION.claim(option.name.lower(), _OPTIONS[option], str(option + 1))
    for term in python_encoding:
        if term.startswith(("ISO_IR ", "ISO 2022 IR ")) or term in ("GB18030", "GBK"):
            yield CHARACTER_SET.claim(term, term)


def _use(attribute: Attribute) -> str:
    if attribute.keyword == keyword_for_tag(TIMEZONE_OFFSET):
        return "returned; as a key it says what the times of the query mean"
    if attribute.computed:
        return "returned; counted or collected here"
    return "unique key" if attribute.unique else "matched, returned"


def _key(keyword: str, level: str, use: str) -> Claim:
    return KEY.claim(
        keyword, attribute_name(keyword), tag_text(keyword), vr_of(keyword), level, use
    )
