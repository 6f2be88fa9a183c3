"""A RIS on odil, run by Debian's own Python: worklist SCP and MPPS SCP on one port.

    /usr/bin/python3 odil_ris_program.py PORT FOLDER

FOLDER/worklist/*.wl are the items. Each MPPS request is written to FOLDER as NUMBER-create.json or
NUMBER-set.json: {sopInstanceUid, dataset (DICOM JSON)}. It uses nothing of this repository.
"""

import json
import os
import signal
import sys
from pathlib import Path

import odil

WORKLIST = "1.2.840.10008.5.1.4.31"
MPPS = "1.2.840.10008.3.1.2.3.3"
STEPS = "ScheduledProcedureStepSequence"


def keep(folder, kind, uid, data_set):
    """Written whole before it is seen."""
    name = f"{len(list(folder.glob('[0-9]*.json'))) + 1:04d}-{kind}.json"
    content = {"sopInstanceUid": uid, "dataset": json.loads(odil.as_json(data_set))}
    partial = folder / f".{name}"
    partial.write_text(json.dumps(content))
    partial.rename(folder / name)


def value_of(data_set, name):
    """The first value as text; '' where there is none."""
    if not data_set.has(name) or data_set.empty(name):
        return ""
    value = data_set.as_string(name)[0]
    return value.decode("ascii", "replace") if isinstance(value, bytes) else str(value)


def matches(query, item):
    """Single value and range matching of what a modality asks by (PS3.4 K.6.1.2.2)."""
    steps = list(item.as_data_set(STEPS)) if item.has(STEPS) else []
    asked = list(query.as_data_set(STEPS)) if query.has(STEPS) else []
    for name in ("PatientID", "AccessionNumber"):
        if value_of(query, name) not in ("", value_of(item, name)):
            return False
    if not asked:
        return True
    return any(step_matches(asked[0], step) for step in steps)


def step_matches(key, step):
    for name in ("ScheduledStationAETitle", "Modality"):
        if value_of(key, name) not in ("", value_of(step, name)):
            return False
    date = value_of(step, "ScheduledProcedureStepStartDate")
    first, dash, last = value_of(key, "ScheduledProcedureStepStartDate").partition("-")
    if dash:
        return (first or "0") <= date <= (last or "9")
    return first in ("", date)


def worklist(folder):
    """(item, dataset) of each file."""
    for path in sorted((folder / "worklist").glob("*.wl")):
        with odil.open(str(path)) as stream:
            yield odil.Reader.read_file(stream)[1]


def answered(message, status, *data_set):
    """A response; odil has one class for each, and a common one that fits all without counts."""
    kind = odil.messages.CFindResponse if data_set else odil.messages.Response
    response = kind(message.get_message_id(), status, *data_set)
    field = odil.messages.Message.Command(message.get_command_field() | 0x8000)
    response.set_command_field(field)
    return response


def serve(association, folder):
    """Until the peer releases or aborts, which odil tells by an exception."""
    commands = odil.messages.Message.Command
    while True:
        message = association.receive_message()
        field = message.get_command_field()
        if field == commands.C_ECHO_RQ:
            request = odil.messages.CEchoRequest(message)
            association.send_message(answered(request, 0), "1.2.840.10008.1.1")
        elif field == commands.C_FIND_RQ:
            request = odil.messages.CFindRequest(message)
            for item in worklist(folder):
                if matches(request.get_data_set(), item):
                    association.send_message(answered(request, 0xFF00, item), WORKLIST)
            association.send_message(answered(request, 0), WORKLIST)
        elif field == commands.N_CREATE_RQ:
            request = odil.messages.NCreateRequest(message)
            uid = request.get_affected_sop_instance_uid()
            keep(folder, "create", uid, request.get_data_set())
            association.send_message(answered(request, 0), MPPS)
        elif field == commands.N_SET_RQ:
            request = odil.messages.NSetRequest(message)
            uid = request.get_requested_sop_instance_uid()
            keep(folder, "set", uid, request.get_data_set())
            association.send_message(answered(request, 0), MPPS)


def main():
    port, folder = int(sys.argv[1]), Path(sys.argv[2])
    signal.signal(signal.SIGTERM, lambda *_: os._exit(0))
    while True:
        association = odil.Association()
        try:
            association.receive_association("v4", port)
            serve(association, folder)
        except odil.Exception as error:
            print(type(error).__name__, error, flush=True)


main()
