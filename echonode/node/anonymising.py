"""Copies without the patient, as destinations and the console get them: made of what is stored.

Rules
- A copy is made again at each try: the same bytes under the same UIDs, by the pseudonyms' key.
- A key that cannot be used is this node's fault and no instance's: nothing is held for it, and it
  is tried again. The node goes on with all else.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

from echonode.config import Config
from echonode.copies.deidentification.configured import anonymiser_named, check_same_key
from echonode.copies.deidentification.copying import Anonymiser
from echonode.copies.deidentification.preparing import anonymising
from echonode.copies.exporting import Prepare
from echonode.delivery.ports import Anonymising
from echonode.errors import InvalidObject, NotAnonymised, OperatorRefused, StoreError
from echonode.model.instance import StoredInstance
from echonode.store.store import Store
from echonode.transcoding.reencoder import Reencoder


class NodeAnonymising:
    """Thread-safe."""

    def __init__(self, config: Config, store: Store, reencoder: Reencoder) -> None:
        self._config, self._store, self._reencoder = config, store, reencoder
        self._lock = threading.Lock()  # for the anonymisers, which are made when first needed
        self._made: dict[str, Anonymiser] = {}

    def prepare(self, profile: str) -> Prepare:
        """What an instance passes through before a person gets it.

        Raises UsageError for a profile that there is not, OperatorRefused for a key that cannot be
        used, OSError and StoreError.
        """
        return anonymising(
            self._anonymiser(profile),
            self._store.files.scratch,
            is_made_here=self._store.index.is_made_here,
            is_looked_at=self._store.index.is_looked_at,
        )

    def for_destination(self, profile: str | None) -> Anonymising | None:
        """What a destination gets in the place of every instance; None: it gets the instance."""
        if profile is None:
            return None

        @contextmanager
        def prepare(instance: StoredInstance) -> Iterator[StoredInstance]:
            with ExitStack() as stack:
                try:
                    copy = stack.enter_context(self.prepare(profile)(instance))
                except NotAnonymised:
                    raise
                except InvalidObject as fault:
                    raise NotAnonymised(str(fault)) from fault
                except OperatorRefused as refused:
                    raise StoreError(str(refused)) from None
                yield copy

        return Anonymising(profile=profile, prepare=prepare)

    def _anonymiser(self, profile: str) -> Anonymiser:
        with self._lock:
            if profile not in self._made:
                notes = self._store.key_value
                check_same_key(self._config, read=notes.read, write=notes.write)
                self._made[profile] = anonymiser_named(profile, self._config, self._reencoder)
            return self._made[profile]
