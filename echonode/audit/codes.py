"""The codes of audit messages (PS3.16 CID 400, 401, 402, 405; PS3.15 A.5.1.2): pure tables."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum, StrEnum

DCM = "DCM"
RFC_3881 = "RFC-3881"


@dataclass(frozen=True)
class Code:
    """A coded value: code, its meaning, and the scheme that it is of."""

    value: str
    meaning: str
    scheme: str = DCM


class Outcome(IntEnum):
    """EventOutcomeIndicator (A.5.1)."""

    SUCCESS = 0
    MINOR_FAILURE = 4
    SERIOUS_FAILURE = 8
    MAJOR_FAILURE = 12


class Action(StrEnum):
    """EventActionCode (A.5.1)."""

    CREATE = "C"
    READ = "R"
    UPDATE = "U"
    DELETE = "D"
    EXECUTE = "E"


class Kind(StrEnum):
    """What kind of event it is, by the word that `echonode audit search --kind` takes."""

    START = "start"
    STOP = "stop"
    LOGIN = "login"
    LOGOUT = "logout"
    QUERY = "query"
    ACCESS = "access"
    BEGIN_TRANSFER = "begin-transfer"
    TRANSFER = "transfer"
    DELETE = "delete"
    EXPORT = "export"
    IMPORT = "import"
    ALERT = "alert"
    ORDER = "order"
    PATIENT = "patient"
    PROCEDURE = "procedure"
    AUDIT = "audit"


# EventID: CID 400 "Audit Event ID".
EVENT_IDS = {
    Kind.START: Code("110100", "Application Activity"),
    Kind.STOP: Code("110100", "Application Activity"),
    Kind.AUDIT: Code("110101", "Audit Log Used"),
    Kind.BEGIN_TRANSFER: Code("110102", "Begin Transferring DICOM Instances"),
    Kind.ACCESS: Code("110103", "DICOM Instances Accessed"),
    Kind.TRANSFER: Code("110104", "DICOM Instances Transferred"),
    Kind.DELETE: Code("110105", "DICOM Study Deleted"),
    Kind.EXPORT: Code("110106", "Export"),
    Kind.IMPORT: Code("110107", "Import"),
    Kind.ORDER: Code("110109", "Order Record"),
    Kind.PATIENT: Code("110110", "Patient Record"),
    Kind.PROCEDURE: Code("110111", "Procedure Record"),
    Kind.QUERY: Code("110112", "Query"),
    Kind.ALERT: Code("110113", "Security Alert"),
    Kind.LOGIN: Code("110114", "User Authentication"),
    Kind.LOGOUT: Code("110114", "User Authentication"),
}


class EventType(StrEnum):
    """EventTypeCode: CID 401 "Audit Event Type Code"."""

    APPLICATION_START = "110120"
    APPLICATION_STOP = "110121"
    LOGIN = "110122"
    LOGOUT = "110123"
    NODE_AUTHENTICATION = "110126"
    NETWORK_CONFIGURATION = "110128"
    SECURITY_CONFIGURATION = "110129"
    SOFTWARE_CONFIGURATION = "110131"
    RESTRICTED_FUNCTION = "110132"
    RECORDING_STOPPED = "110133"
    RECORDING_STARTED = "110134"
    OBJECT_SECURITY_CHANGED = "110135"
    USER_SECURITY_CHANGED = "110137"


EVENT_TYPES = {
    EventType.APPLICATION_START: "Application Start",
    EventType.APPLICATION_STOP: "Application Stop",
    EventType.LOGIN: "Login",
    EventType.LOGOUT: "Logout",
    EventType.NODE_AUTHENTICATION: "Node Authentication",
    EventType.NETWORK_CONFIGURATION: "Network Configuration",
    EventType.SECURITY_CONFIGURATION: "Security Configuration",
    EventType.SOFTWARE_CONFIGURATION: "Software Configuration",
    EventType.RESTRICTED_FUNCTION: "Use of Restricted Function",
    EventType.RECORDING_STOPPED: "Audit Recording Stopped",
    EventType.RECORDING_STARTED: "Audit Recording Started",
    EventType.OBJECT_SECURITY_CHANGED: "Object Security Attributes Changed",
    EventType.USER_SECURITY_CHANGED: "User security Attributes Changed",
}

# The type that goes with a kind wherever the event names no other.
TYPE_OF_KIND = {
    Kind.START: EventType.APPLICATION_START,
    Kind.STOP: EventType.APPLICATION_STOP,
    Kind.LOGIN: EventType.LOGIN,
    Kind.LOGOUT: EventType.LOGOUT,
}


class Role(StrEnum):
    """RoleIDCode: CID 402 "Audit Active Participant Role ID Code"."""

    APPLICATION = "110150"
    LAUNCHER = "110151"
    DESTINATION = "110152"
    SOURCE = "110153"
    DESTINATION_MEDIA = "110154"
    SOURCE_MEDIA = "110155"


ROLES = {
    Role.APPLICATION: "Application",
    Role.LAUNCHER: "Application Launcher",
    Role.DESTINATION: "Destination Role ID",
    Role.SOURCE: "Source Role ID",
    Role.DESTINATION_MEDIA: "Destination Media",
    Role.SOURCE_MEDIA: "Source Media",
}


class Media(StrEnum):
    """MediaType: CID 405 "Media Type Code"."""

    USB = "110030"
    EMAIL = "110031"
    CD = "110032"
    DVD = "110033"
    URI = "110037"
    FILM = "110010"
    PAPER = "110038"


MEDIA = {
    Media.USB: "USB Disk Emulation",
    Media.EMAIL: "Email",
    Media.CD: "CD",
    Media.DVD: "DVD",
    Media.URI: "URI",
    Media.FILM: "Film",
    Media.PAPER: "Paper Document",
}

# ParticipantObjectIDTypeCode: A.5.1.2.4, and CID 404.
STUDY_UID = Code("110180", "Study Instance UID")
CLASS_UID = Code("110181", "SOP Class UID")
NODE_ID = Code("110182", "Node ID")
PATIENT_NUMBER = Code("2", "Patient Number", RFC_3881)
USER_IDENTIFIER = Code("11", "User Identifier", RFC_3881)
URI = Code("12", "URI", RFC_3881)
