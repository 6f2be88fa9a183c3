"""HL7 messages byte by byte; each with what is particular about it. CR ends a segment (0x0D)."""

from __future__ import annotations


def msh(
    kind: bytes, control_id: bytes = b"M1", *, asks: bytes = b"|", characters: bytes = b""
) -> bytes:
    """MSH of version 2.5.1. asks: MSH-15 and MSH-16; characters: MSH-18."""
    accept, _, application = asks.partition(b"|")
    return (
        b"MSH|^~\\&|RIS|CLINIC|ECHONODE|ULTRASOUND|20261129060000+0100||"
        + b"|".join((kind, control_id, b"P", b"2.5.1", b"", b"", accept, application, b""))
        + b"|"
        + characters
        + b"\r"
    )


# ADT^A04: a patient is registered. PID-3: three identifiers, of which MR is the Patient ID; PID-5
# in Latin-1 (0xFC is u umlaut), MSH-18 8859/1; PID-8 of table 0001.
A04_LATIN_1 = (
    msh(b"ADT^A04^ADT_A01", characters=b"8859/1")
    + b"EVN|A04|20261129060000\r"
    + b"PID|1||99^^^CITY^SS~4711^^^CLINIC&1.2.3&ISO^MR~A7^^^OTHER^PI||"
    + b"M\xfcller^J\xf6rg^Karl^jun.^Dr.||19700131|M\r"
    + b"PV1|1|O|US^2^1|||||55^House^Gregory|||||||B6^||||V7^^^CLINIC\r"
)
# The same in the ways of Japan: MSH-18 with an empty first repetition (ASCII) and ISO IR87; PID-5
# in three representations, kanji and kana between ESC $ B and ESC ( B. Within them stand the bytes
# of separators (0x7C, 0x5E and their kind are parts of JIS X 0208 characters).
A04_ISO_IR_87 = (
    msh(b"ADT^A04^ADT_A01", characters=b"~ISO IR87")
    + b"PID|1||4711^^^CLINIC^MR||YAMADA^TAROU^^^^^L^A~"
    + b"\x1b$B;3ED\x1b(B^\x1b$BB@O:\x1b(B^^^^^L^I~"
    + b"\x1b$B$d$^$@\x1b(B^\x1b$B$?$m$&\x1b(B^^^^^L^P||19700131|M\r"
)
# ADT^A08 in UTF-8, with a null value: the sex is unknown from now on; of the birth date it says
# nothing.
A08_UTF_8 = (
    msh(b"ADT^A08^ADT_A01", b"M2", characters=b"UNICODE UTF-8")
    + 'PID|1||4711^^^CLINIC^MR||Müller-Lüdenscheidt^Jörg|||""\r'.encode()
)
# ADT^A28: a person is added to the register, before any visit; in structure ADT_A05, with segments
# that nobody reads here (PD1, NK1).
A28 = (
    msh(b"ADT^A28^ADT_A05", b"M8", characters=b"8859/1")
    + b"EVN|A28|20261129060000\r"
    + b"PID|1||4711^^^CLINIC^MR||M\xfcller^J\xf6rg||19700131|M\r"
    + b"PD1||||99^Physician^Family\r"
    + b"NK1|1|M\xfcller^Eva|SPO\r"
    + b"PV1|1|N\r"
)
# ADT^A31: what is known of that person changed: the family name, in UTF-8.
A31 = (
    msh(b"ADT^A31^ADT_A05", b"M9", characters=b"UNICODE UTF-8")
    + b"EVN|A31|20261129070000\r"
    + "PID|1||4711^^^CLINIC^MR||Müller-Lüdenscheidt^Jörg||19700131|M\r".encode()
    + b"PV1|1|N\r"
)
# ADT^A40: MRG-1 is the identifier that is given up, PID-3 the one that remains.
A40 = (
    msh(b"ADT^A40^ADT_A39", b"M3")
    + b"EVN|A40|20261129060000\r"
    + b"PID|1||4711^^^CLINIC^MR||Miller^Joe||19700131|M\r"
    + b"MRG|0815^^^CLINIC^MR\r"
)
# ORM^O01 of version 2.3.1 as IHE RAD TF-2 4.4 has it: OBR-4 with the procedure in components 1 to 3
# and the protocol in 4 to 6, the appointment in OBR-27.4, OBR-18 to OBR-20 the accession number,
# Requested Procedure ID and step ID, OBR-24 the modality, and the Study Instance UID in ZDS.
ORM_O01 = (
    b"MSH|^~\\&|RIS|CLINIC|ECHONODE|ULTRASOUND|20261129060000||ORM^O01|M4|P|2.3.1\r"
    b"PID|1||4711^^^CLINIC^MR||Miller^Joe||19700131|M\r"
    b"PV1|1|O|US^2^1|||||55^House^Gregory^^^Dr.|||||||||||V7^^^CLINIC\r"
    b"ORC|NW|P1^KIS|F1^RIS||SC|||||||66^Wilson^James|||||CARD^Cardiology^L\r"
    b"OBR|1|P1^KIS|F1^RIS|US01^Abdomen^99CLINIC^LIVER^Liver^99CLINIC||||||||||||||"
    b"A1|RP1|SPS1||||US|||1^^^20261129083000^^S||||PAIN^Pain in the belly^L|||99&Foreman&Eric\r"
    b"NTE|1||Fasting since midnight\r"
    b"ZDS|1.2.826.0.1.3680043.9.1^RIS^Application^DICOM\r"
)
# OMG^O19 of version 2.5.1: timing in TQ1, no DICOM numbers: ORC-3 becomes the accession number.
OMG_O19 = (
    msh(b"OMG^O19^OMG_O19", b"M5")
    + b"PID|1||4711^^^CLINIC^MR||Miller^Joe||19700131|F\r"
    + b"ORC|NW|P2|F2\r"
    + b"TQ1|1||||||20261129070000+0000||S\r"
    + b"OBR|1|P2|F2|US02^Thyroid^99CLINIC\r"
)
# OMI^O23: two IPC are two steps of one order; IPC-9 the station, IPC-3 the study.
OMI_O23 = (
    msh(b"OMI^O23^OMI_O23", b"M6")
    + b"PID|1||4711^^^CLINIC^MR||Miller^Joe||19700131|F\r"
    + b"ORC|NW|P3|F3\r"
    + b"TQ1|1||||||20261129090000||R\r"
    + b"OBR|1|P3|F3|US03^Echo^99CLINIC\r"
    + b"IPC|A3|RP3|1.2.3.4|SPS31|US|TTE^Transthoracic^99CLINIC|CART1|Room 1|ECHONODE\r"
    + b"IPC|A3|RP3|1.2.3.4|SPS32|US|TEE^Transoesophageal^99CLINIC|CART1|Room 1|ECHONODE~CART2\r"
)
# ORM^O01 with CA: the order F1 is cancelled; nothing but its numbers is needed.
ORM_CANCEL = (
    b"MSH|^~\\&|RIS|CLINIC|ECHONODE|ULTRASOUND|20261129060000||ORM^O01|M7|P|2.3.1\r"
    b"PID|1||4711^^^CLINIC^MR\r"
    b"ORC|CA|P1^KIS|F1^RIS\r"
)
ALL = (
    *(A04_LATIN_1, A04_ISO_IR_87, A08_UTF_8, A28, A31, A40),
    *(ORM_O01, OMG_O19, OMI_O23, ORM_CANCEL),
)
