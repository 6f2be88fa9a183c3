"""Copies of what is stored, as the HTTP API has them; the same that `echonode export` writes.

Rules
- Research copies are anonymised where the configuration demands it, whatever is asked for.
- A look is a person's: it is durable, and logged, before it is answered.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import datetime

from echonode.config import Config
from echonode.copies.choosing import Chosen, Wanted, choose
from echonode.copies.deidentification.looking import needs_look
from echonode.copies.deidentification.profile import BASIC
from echonode.copies.exporting import Codecs, Prepare, as_it_is
from echonode.copies.formats import FORMATS, format_named, profile_for
from echonode.copies.media.medium import Medium
from echonode.copies.media.zip_file import zip_chunks
from echonode.copies.source import CopyOptions
from echonode.copies.zipped import zipped_copies
from echonode.errors import Damaged, InvalidObject, OperatorRefused
from echonode.log import get_logger
from echonode.model.instance import StoredInstance
from echonode.node.anonymising import NodeAnonymising
from echonode.store.files.kept_lines import KeptLines
from echonode.store.store import Store
from echonode.web.copies import CopyZip, Json

log = get_logger(__name__)

# Images of a study whose pixels are asked about at once: each costs the reading of a header.
MOST_LOOKED_AT = 1000


class NodeCopies:
    """web.copies.CopiesApi on a node."""

    def __init__(
        self,
        config: Config,
        store: Store,
        codecs: Codecs,
        anonymising: NodeAnonymising,
        *,
        now: Callable[[], datetime],
    ) -> None:
        self._config, self._store, self._codecs = config, store, codecs
        self._anonymising, self._now = anonymising, now
        self._lines = KeptLines(config.data_dir, config.encryption.cipher)

    def medium(self, study_instance_uid: str, *, anonymise: str) -> CopyZip:
        """Raises UsageError, OperatorRefused, StoreError."""
        chosen, now = self._chosen(study_instance_uid), self._now()
        if anonymise:  # a medium is whole: it is not begun where an image could not lie on it
            self._refuse_unlooked_at(chosen.instances)
        medium = Medium(
            chosen.instances, codecs=self._codecs, prepare=self._prepare(anonymise), now=now
        )
        return CopyZip(
            name=_name(study_instance_uid, anonymise),
            images=len(chosen.instances),
            chunks=zip_chunks(_pairs(medium), now=now),
        )

    def copies(self, study_instance_uid: str, format_: str, *, anonymise: str) -> CopyZip:
        """Raises UsageError, OperatorRefused, StoreError."""
        make = format_named(format_)
        anonymise = profile_for(format_, anonymise, self._config.research.anonymise)
        chosen = self._chosen(study_instance_uid)
        files = zipped_copies(
            chosen.instances,
            make,
            CopyOptions(),
            self._codecs,
            scratch=self._store.files.scratch,
            prepare=self._prepare(anonymise),
            lines_of=self._lines.lines_of,
        )
        return CopyZip(
            name=_name(study_instance_uid, anonymise),
            images=len(chosen.instances),
            chunks=zip_chunks(files, now=self._now()),
        )

    def overview(self, study_instance_uid: str) -> Json:
        """What a study may be copied as, and which images wait for a look. Raises UsageError."""
        chosen = self._chosen(study_instance_uid)
        instances = chosen.instances[:MOST_LOOKED_AT]
        looks = self._store.looks.of([each.sop_instance_uid for each in instances])
        images = []
        for each in instances:
            look = looks.get(each.sop_instance_uid)
            images.append(
                {
                    "sop_instance_uid": each.sop_instance_uid,
                    "needs_look": self._needs_look(each),
                    "looked_at": look.at.isoformat() if look else None,
                    "looked_by": look.by if look else "",
                }
            )
        return {
            "formats": [
                {"name": name, "says": each.says, "is_research": each.is_research}
                for name, each in FORMATS.items()
            ],
            "profiles": [BASIC, *self._config.anonymise],
            "research_profile": self._config.research.anonymise,
            "images": images,
        }

    def accept_look(self, sop_instance_uid: str, *, by: str) -> Json:
        """A person saw no text in its pixels. Raises UsageError, StoreError."""
        look = self._store.looks.accept(sop_instance_uid, by=by, now=self._now())
        log.info("pixels_looked_at", sop_instance_uid=sop_instance_uid, user=look.by)
        return {
            "sop_instance_uid": sop_instance_uid,
            "looked_at": look.at.isoformat(),
            "looked_by": look.by,
        }

    def _refuse_unlooked_at(self, instances: Sequence[StoredInstance]) -> None:
        """Raises OperatorRefused."""
        looks = self._store.looks.of([each.sop_instance_uid for each in instances])
        waiting = [each for each in instances if each.sop_instance_uid not in looks]
        count = sum(map(self._needs_look, waiting))
        if count:
            raise OperatorRefused(f"a person must look at {count} of its images first")

    def _chosen(self, study_instance_uid: str) -> Chosen:
        return choose(self._store.index, Wanted(studies=(study_instance_uid,)))

    def _prepare(self, anonymise: str) -> Prepare:
        return self._anonymising.prepare(anonymise) if anonymise else as_it_is

    def _needs_look(self, instance: StoredInstance) -> bool:
        made_here = self._store.index.is_made_here(instance.sop_instance_uid)
        try:
            return needs_look(instance, made_here=made_here)
        except (InvalidObject, Damaged):
            return False  # no copy can be made of it, looked at or not


def _name(study_instance_uid: str, anonymise: str) -> str:
    """Of the file: an anonymised one does not say which study it is of."""
    return f"anonymised-{anonymise}" if anonymise else study_instance_uid


def _pairs(medium: Medium) -> Iterator[tuple[str, Iterable[bytes]]]:
    return ((file.name, file.chunks) for file in medium.files())
