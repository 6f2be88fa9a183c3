"""`echonode report`: everything that is known of one exam's way to the archives, as one bundle.

Written under another name and then renamed: a bundle is whole, or not there.
"""

from __future__ import annotations

from pathlib import Path

from echonode.config import Config
from echonode.errors import UsageError
from echonode.monitoring.flight_report import write_exam_report
from echonode.store.read_only_store import open_read_only


def write_report(config: Config, exam: str, out: Path) -> int:
    """Write the bundle of the study `exam` (its Study Instance UID); how many events it has.

    Raises UsageError where nothing is known of it, or the file cannot be written.
    """
    beside = out.with_name(f".{out.name}.part")
    with open_read_only(
        config.data_dir,
        index_url=config.index.server_url,
        cipher=config.encryption.cipher,
    ) as store:
        try:
            with beside.open("wb") as file:
                events = write_exam_report(config, store, exam, file)
            beside.replace(out)
        except OSError as error:
            raise UsageError(f"{out} cannot be written: {error.strerror}") from error
        finally:
            beside.unlink(missing_ok=True)
    return events
