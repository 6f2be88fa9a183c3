"""Every alarm and every reason of a held delivery is French on a French console.

Alarms are made by the code that raises them, and compared with the rows `alarm.CODE` of
core/node-words.js; reasons and remedies with `held.KEY`.
"""

from __future__ import annotations

import ast
import errno
import json
import os
import re
import socket
import ssl
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path

import pytest

from echonode.audit.status import AuditStatus, ForwardingStatus, RecorderStatus
from echonode.commitment.schedule import FAILURE_RULES, rule_for
from echonode.delivery import retry
from echonode.delivery.delivery_status import DeliveryStatus
from echonode.delivery.held_reasons import HELD_BY_OPERATOR, held_reason
from echonode.delivery.status_table import MISNAMED, ROWS, UNKNOWN
from echonode.delivery.stow.verdicts import ROWS as HTTP_ROWS
from echonode.delivery.stow.verdicts import verdict_of
from echonode.dimse.upper_layer import tls_faults
from echonode.dimse.upper_layer.tls_faults import TLSFault
from echonode.errors import AssociationRejected, Damaged, PeerUnreachable
from echonode.model import remedies
from echonode.model.delivery import DAMAGED_HERE, WAITS_FOR_LOOK, DeliveryState
from echonode.model.identity import CallBackAddress, CommitmentPolicy, Peer
from echonode.model.instance import ConflictKind, IdentityConflict
from echonode.monitoring.alarms import DestinationFacts, Facts, alarms_of
from echonode.monitoring.encryption_alarms import EncryptionFacts
from echonode.store.database.exam_holds import REJECTED, WAITS_FOR_NAMING, WAITS_FOR_PATIENT
from echonode.store.encrypting.standing import Standing
from echonode.store.files.free_space import DiskSpace
from echonode.store.ingest.quarantine import MOST_QUARANTINED
from echonode.store.statistics import DestinationStatistics, StoreStatistics
from echonode.system_faults import NAME_SENTENCES, SENTENCES, said_of
from echonode.web.health import Alarm

PACKAGE = Path(__file__).resolve().parents[3] / "echonode"
CORE = PACKAGE / "web" / "console" / "core"
ROW = re.compile(
    r'^  "([a-z][^"]*)": \{ en: ("(?:[^"\\]|\\.)*"), fr: "(?:[^"\\]|\\.)+" \},$', re.MULTILINE
)
NOW = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)
US = CallBackAddress(ae_title="ECHONODE", host="10.0.0.5", port=11112)
PACS = Peer(name="pacs", ae_title="ORTHANC", host="10.0.0.9", port=4242, may=frozenset())
LONG_AGO = NOW - timedelta(days=2)
REFUSED = OSError(errno.ECONNREFUSED, os.strerror(errno.ECONNREFUSED))
FULL = OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


@cache
def rows(prefix: str = "") -> dict[str, re.Pattern[str]]:
    """Key -> its English text in the three tables, {name} standing for any text."""
    found: dict[str, re.Pattern[str]] = {}
    for name in ("node-words.js", "error-words.js", "system-words.js"):
        for key, english in ROW.findall((CORE / name).read_text(encoding="utf-8")):
            if key.startswith(prefix) and not key.startswith("error.field."):
                parts = re.split(r"\{\w+\}", json.loads(english))
                found[key] = re.compile(".+?".join(map(re.escape, parts)), re.DOTALL)
    return found


def has_row(sentence: str, prefix: str = "") -> bool:
    return any(row.fullmatch(sentence) for row in rows(prefix).values())


def destination(
    *, policy: CommitmentPolicy = CommitmentPolicy.REQUIRED, **status: str
) -> DestinationFacts:
    return DestinationFacts(
        name="pacs",
        commitment=policy,
        status=DeliveryStatus(**status),  # type: ignore[arg-type]
        statistics=DestinationStatistics(
            oldest={DeliveryState.QUEUED: LONG_AGO},
            unreported_since=LONG_AGO,
            last_report_at=None,
            retries=0,
            held=1,
        ),
    )


def unreachable() -> Iterator[str]:
    """As delivery says it: each kind of failure to open an association."""
    where = "ORTHANC at 10.0.0.9:4242"
    for error in (
        PeerUnreachable(f"{where}: {said_of(REFUSED)}"),
        AssociationRejected("x", result=1, source=1, reason=7),
        AssociationRejected("x", result=2, source=3, reason=1),
    ):
        pause = retry.after_no_association(
            error, failures_before=0, random=lambda: 0.0, backoff=retry.Backoff()
        )
        yield pause.reason


def no_promise() -> Iterator[str]:
    """As commitment says it: a refusal, and what to do about it."""
    yield f"the archive offers no storage commitment. {remedies.no_commitment_service(PACS)}"
    for code in (0x0110, 0x0122, 0x0124, 0x0213):
        remedy = remedies.commitment_refused(PACS, US, code)
        yield f"the commitment request was answered {code:04X}. {remedy}"
    yield f"the commitment request was not answered: lost. {remedies.add_us(PACS, US)}"


def facts(count: int) -> Facts:
    """All that is wrong at the same time, with `count` of what is counted."""
    full = DiskSpace(total=100, free=1, minimum_free_percent=5, cine_bytes_per_s=1)
    return Facts(
        destinations=[
            *(destination(unreachable=why) for why in unreachable()),
            *(destination(unpromising=why) for why in no_promise()),
            destination(stalled="deliveries are stalled: OSError; the log says where"),
            destination(stalled="no association can be opened: OSError"),
            destination(stalled="the thread that delivers has ended: restart the node"),
            destination(policy=CommitmentPolicy.VERIFY),
            replace(
                destination(policy=CommitmentPolicy.NONE),
                statistics=replace(destination().statistics, held=count),
            ),
        ],
        store=StoreStatistics(
            missing_files=count,
            damaged_files=count,
            refused_reports=count,
            kept_after_warning=count,
            instances_deleted=0,
        ),
        quarantined=count,
        disk_problem=full.problem,
        call_back=str(US),
        index_corrupt=True,
        index_gone=True,
        refusing=f"the disk refused a new file: {said_of(FULL)}",
        frameless_probes={"tablet": "connected for 12 s, and no image came; what came: STRING (3)"},
        conflicts=[
            IdentityConflict(kind=kind, study_instance_uid="1.2.840.7") for kind in ConflictKind
        ],
        held_steps={"ris": count},
        merged_exams=["E1"] * count,
        encryption=EncryptionFacts(
            key_id="0a",
            standing=Standing(sealed_under=("0b", "0a"), plain=("damaged-1.sqlite",) * count),
            key_problem="`encryption.key` is another key than the node was started with",
            plain_files=count,
        ),
        audit=AuditStatus(
            recording=RecorderStatus(
                records=1, lost=count, waiting=0, problem="the disk is full", full=count > 1, size=1
            ),
            sending=ForwardingStatus(unsent=count, since=LONG_AGO, problem="refused" * (count > 1)),
        ),
    )


ALARMS: Sequence[Alarm] = (
    *alarms_of(facts(1), NOW),
    *alarms_of(facts(MOST_QUARANTINED), NOW),
    *alarms_of(replace(facts(2), quarantined=2, merged_exams=["E1", "E2"]), NOW),
)


def said(alarm: Alarm) -> str:
    """Its text without the subject that it begins with, as the console looks it up."""
    return alarm.whole.removeprefix(f"{alarm.name.partition(':')[2]}: ")


def code(alarm: Alarm) -> str:
    return alarm.name.partition(":")[0]


@pytest.mark.parametrize("alarm", ALARMS, ids=lambda alarm: alarm.name)
def test_each_alarm_has_its_french_row(alarm: Alarm) -> None:
    """Under its own code; the disk's stands among the errors, since exams are refused for it."""
    prefix = "error.disk_full" if code(alarm) == "disk" else f"alarm.{code(alarm)}"
    assert has_row(said(alarm), prefix), alarm.whole


@pytest.mark.slow
def test_no_alarm_is_left_out() -> None:
    """Those that the code names anywhere are those that this test has made."""
    named: set[str] = set()
    for path in PACKAGE.rglob("*.py"):
        for call in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(call, ast.Call) and ast.unparse(call.func) == "Alarm":
                [name] = [each.value for each in call.keywords if each.arg == "name"]
                first = name.values[0] if isinstance(name, ast.JoinedStr) else name
                if isinstance(first, ast.Constant):
                    named.add(str(first.value).removesuffix(":"))
    made = {code(alarm) for alarm in ALARMS}
    conflicts = {"patient_conflict", "series_conflict", "name_conflict"}
    assert made == named | conflicts


@pytest.mark.parametrize(
    "words",
    [
        "the key file /etc/echonode/master.key cannot be read (No such file or directory)",
        "what is there is no key: a key is 64 hexadecimal digits",
        "other users of this machine can read /etc/echonode/master.key",
        "the credential master is not there: $CREDENTIALS_DIRECTORY is not set",
        "`encryption.key` is another key than the node was started with",
    ],
)
def test_why_a_key_is_not_to_be_had_has_its_row(words: str) -> None:
    """Within the alarm: each reason of at_rest/key_sources.py but those of a program."""
    assert has_row(words, "alarm.encryption_key.")


def test_each_step_of_a_preflight_has_its_name() -> None:
    """In the words of the console's System screen, French among them."""
    named = {
        str(each.value.value)
        for path in (PACKAGE / "monitoring" / "preflight").glob("*.py")
        for call in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(call, ast.Call) and ast.unparse(call.func) in {"Step", "_step"}
        for each in call.keywords
        if each.arg == "name" and isinstance(each.value, ast.Constant)
    }
    assert {"key", "opens", "key_change", "keep", "listen"} <= named
    words = ROW.findall((PACKAGE / "web/console/system/words.js").read_text(encoding="utf-8"))
    assert {f"system.step.{name}" for name in named} <= {key for key, _ in words}


def held() -> Iterator[tuple[int | None, str]]:
    """(status, reason on record) of each cause that a delivery is held or tried again for."""
    for words in (
        HELD_BY_OPERATOR,
        WAITS_FOR_PATIENT,
        WAITS_FOR_NAMING,
        WAITS_FOR_LOOK,
        REJECTED,
    ):
        yield None, words
    for pattern, verdict in ROWS.items():
        status = int(pattern.replace("x", "0"), 16)
        yield status, verdict.meaning
        yield status, f"{verdict.meaning}, 6 times"
        yield status, f"status {pattern}: hold, by this node's configuration"
    for verdict in (UNKNOWN, MISNAMED):
        yield 0x9999, verdict.meaning
    for http in (*HTTP_ROWS, 301, 418, 599):
        yield None, verdict_of(http).meaning
    for reason in (*FAILURE_RULES, 0x9999):
        yield None, f"not committed: {rule_for(reason).meaning} ({reason:04X})"
    yield None, f"not committed: {rule_for(None).meaning}"
    yield None, f"not sent, {DAMAGED_HERE}: {Damaged('shorter than it was')}"
    yield None, "it cannot be re-encoded for this archive: 12 bits"
    yield None, "it cannot be anonymised for this archive: 12 bits"
    yield None, "the archive takes SOP class 1.2 in none of: 1.2.840"
    yield None, "the archive breaks off at it, 8 times while it stored others: reset"
    yield None, "this node failed to send it: MemoryError, 5 times"
    yield None, "no answer, it may have been stored: reset"


@pytest.mark.parametrize(("status", "words"), list(held()))
def test_each_reason_of_a_held_delivery_has_its_french_row(status: int | None, words: str) -> None:
    """What happened, and what to do about it; a part of either as well."""
    reason = held_reason("ORTHANC", status, words)
    prefix = "error." if reason.key in {"patient", "naming", "rejected"} else "held."
    assert has_row(words, prefix)
    assert has_row(reason.remedy, "held.")


PARTS = (
    *(verdict.meaning for verdict in ROWS.values()),
    *(verdict.meaning for verdict in HTTP_ROWS.values()),
    *(verdict_of(code).meaning.partition(": ")[2] for code in (301, 418, 599)),
    *(rule.meaning for rule in FAILURE_RULES.values()),
    rule_for(None).meaning,
    rule_for(0x9999).meaning,
)


@pytest.mark.parametrize("words", sorted(set(PARTS)))
def test_what_stands_within_a_reason_has_its_row(words: str) -> None:
    """The meaning of a status within "HTTP 503: ...", or of a Failure Reason."""
    assert has_row(words, "held.")


@pytest.mark.parametrize("number", SENTENCES)
def test_each_error_of_the_system_has_its_row(number: int) -> None:
    """Within an alarm or a reason: the sentence of system_faults.py, chosen by the errno."""
    said = said_of(OSError(number, os.strerror(number)))
    assert has_row(said, f"system.{errno.errorcode[number]}"), said


@pytest.mark.parametrize("number", NAME_SENTENCES)
def test_each_error_of_a_name_has_its_row(number: int) -> None:
    """A name that has no address."""
    assert has_row(said_of(socket.gaierror(number, "said")), "system.EAI_")


def tls_faults_of_all_kinds() -> Iterator[TLSFault]:
    """Those that the module names, those of its tables, and those that it makes."""
    for value in vars(tls_faults).values():
        if isinstance(value, TLSFault):
            yield value
        elif isinstance(value, dict):
            yield from (each for each in value.values() if isinstance(each, TLSFault))
    named, other = (ssl.SSLCertVerificationError(1, "refused") for _ in range(2))
    named.verify_code, other.verify_code, other.verify_message = 62, 25, "path too long"
    for error in (named, other, ssl.SSLError(1, "something new")):
        yield tls_faults.explain(error, host="pacs.example")


@pytest.mark.parametrize("said", sorted({str(fault) for fault in tls_faults_of_all_kinds()}))
def test_each_fault_of_tls_has_its_row(said: str) -> None:
    """What is wrong and what to do, by OpenSSL's own number or reason."""
    assert has_row(said, "tls.")


def disk_operations() -> Iterator[tuple[str, str]]:
    """(module, what the disk was asked for) of a running node: {name} is any text."""
    of_commands = (
        "store/backup",
        "store/moving",
        "store/encrypting",
        "commands",
        "store/files/lock.py",
    )
    for path in sorted(PACKAGE.rglob("*.py")):
        module = str(path.relative_to(PACKAGE))
        if module.startswith(of_commands):
            continue
        text = path.read_text(encoding="utf-8")
        if "disk_errors" not in text:
            continue
        for call in ast.walk(ast.parse(text)):
            if isinstance(call, ast.Call) and ast.unparse(call.func).endswith("disk_errors"):
                [doing] = call.args
                if isinstance(doing, ast.Constant):
                    yield module, str(doing.value)
                elif isinstance(doing, ast.JoinedStr):
                    parts = (
                        ast.literal_eval(each) if isinstance(each, ast.Constant) else "x1"
                        for each in doing.values
                    )
                    yield module, "".join(parts)


@pytest.mark.parametrize(("module", "doing"), sorted(set(disk_operations())))
def test_what_the_disk_refused_has_its_row(module: str, doing: str) -> None:
    """Within "the disk refused a new file: the disk is full"."""
    assert has_row(doing, "disk."), module


def test_a_reason_without_a_row_is_found() -> None:
    """So that the tests above can fail."""
    assert not has_row("the archive sings", "held.")
    assert has_row("held by the operator", "held.operator")
