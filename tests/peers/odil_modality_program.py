"""A modality on odil, run by Debian's own Python: asks a worklist, does a step, reports it.

    /usr/bin/python3 odil_modality_program.py HOST PORT CALLED_AE_TITLE CALLING_AE_TITLE STATION

Prints JSON: the answers for STATION, and the statuses of N-CREATE, of the same again, of one
without a UID, of N-SET COMPLETED, and of one more N-SET. It uses nothing of this repository.
"""

import json
import sys

import odil

WORKLIST = "1.2.840.10008.5.1.4.31"
MPPS = "1.2.840.10008.3.1.2.3.3"
UID = "1.2.826.0.1.3680043.9.7.1"
IMPLICIT, EXPLICIT = "1.2.840.10008.1.2", "1.2.840.10008.1.2.1"


def data_set(**values):
    made = odil.DataSet()
    for name, value in values.items():
        made.add(name, value)
    return made


def query(station):
    step = data_set(
        ScheduledStationAETitle=[station],
        Modality=[""],
        ScheduledProcedureStepStartDate=[""],
        ScheduledProcedureStepID=[""],
    )
    return data_set(
        PatientName=[""],
        PatientID=[""],
        AccessionNumber=[""],
        StudyInstanceUID=[""],
        RequestedProcedureID=[""],
        ScheduledProcedureStepSequence=[step],
    )


def text(held, name):
    value = held.as_string(name)[0]
    return value.decode() if isinstance(value, bytes) else str(value)


def status_of(association, request):
    association.send_message(request, MPPS)
    return odil.messages.Response(association.receive_message()).get_status()


def main(host, port, called, calling, station):
    association = odil.Association()
    association.set_peer_host(host)
    association.set_peer_port(int(port))
    parameters = odil.AssociationParameters()
    parameters.set_called_ae_title(called)
    parameters.set_calling_ae_title(calling)
    context = odil.AssociationParameters.PresentationContext
    user = context.Role.SCU
    parameters.set_presentation_contexts(
        [
            context(1, WORKLIST, [IMPLICIT, EXPLICIT], user),
            context(3, MPPS, [IMPLICIT, EXPLICIT], user),
        ]
    )
    association.set_parameters(parameters)
    association.associate()

    scu = odil.FindSCU(association)
    scu.set_affected_sop_class(WORKLIST)
    found = scu.find(query(station))
    item = found[0]
    step = item.as_data_set("ScheduledProcedureStepSequence")[0]
    scheduled = data_set(
        StudyInstanceUID=[text(item, "StudyInstanceUID")],
        AccessionNumber=[text(item, "AccessionNumber")],
        RequestedProcedureID=[text(item, "RequestedProcedureID")],
        ScheduledProcedureStepID=[text(step, "ScheduledProcedureStepID")],
    )
    begun = data_set(
        ScheduledStepAttributesSequence=[scheduled],
        PatientID=[text(item, "PatientID")],
        PerformedProcedureStepID=["PPS1"],
        PerformedProcedureStepStatus=["IN PROGRESS"],
        Modality=["US"],
        PerformedSeriesSequence=odil.Value.DataSets(),
    )
    done = data_set(PerformedProcedureStepStatus=["COMPLETED"])
    messages = odil.messages

    def create(number, uid):
        request = messages.NCreateRequest(number, MPPS, begun)
        if uid:
            request.set_affected_sop_instance_uid(uid)
        return request

    statuses = [
        status_of(association, create(1, UID)),
        status_of(association, create(2, UID)),
        status_of(association, create(5, "")),
        status_of(association, messages.NSetRequest(3, MPPS, UID, done)),
        status_of(association, messages.NSetRequest(4, MPPS, UID, done)),
    ]
    association.release()
    print(
        json.dumps(
            {"items": [json.loads(odil.as_json(each)) for each in found], "statuses": statuses}
        )
    )


if __name__ == "__main__":
    main(*sys.argv[1:])
