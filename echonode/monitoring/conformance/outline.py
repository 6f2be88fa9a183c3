"""The outline of a conformance statement (PS3.2 annex N, 2024c to 2025a), and its fixed texts.

A section without claims says that there is none in this configuration. The texts state nothing of
the product's behaviour: that is what claims are for.
"""

from __future__ import annotations

from typing import Final

# The numbers are those of annex N without its "N."; N.9 and N.12 number themselves A.A and A.D.
# Compared with the text of the standard: 5.2.5, 5.2.5.1, 5.2.5.2, 7.2 and 7.2.1 (2025a), 7.3 and
# 7.3.1 (2024c), 7.3.2.5 as a part of 7.3.2 (2024d), A.A (2024e). The others are those of a
# statement of another vendor, by 2026d; it agrees in these but for the titles of 7.3.1 and A.A.
SECTIONS: Final[tuple[tuple[str, str], ...]] = (
    ("1", "Overview"),
    ("1.1", "Content and Transfer"),
    ("1.2", "DIMSE Services"),
    ("1.3", "DICOM Web Services"),
    ("1.4", "Media Services"),
    ("1.5", "Real-Time Video Service"),
    ("1.6", "De-identification Profiles"),
    ("1.7", "Specific Character Sets"),
    ("3", "Introduction"),
    ("4", "Implementation Model"),
    ("4.1", "Application Entities and Data Flow"),
    ("5", "Service and Interoperability Description"),
    ("5.1", "Mapping of Services to Application Entities"),
    ("5.2", "DIMSE Services"),
    ("5.2.1", "Basic Worklist Management Service"),
    ("5.2.2", "Modality Performed Procedure Step Service"),
    ("5.2.3", "Unified Worklist and Procedure Step Service"),
    ("5.2.4", "Instance Availability Notification Service"),
    ("5.2.5", "Storage Service"),
    ("5.2.5.1", "SCU of the Storage SOP Classes"),
    ("5.2.5.2", "SCP of the Storage SOP Classes"),
    ("5.2.6", "Storage Commitment Service"),
    ("5.2.7", "Query/Retrieve Service"),
    ("5.2.8", "Print Management Service"),
    ("5.3", "DICOM Web Services"),
    ("5.3.1", "URI Web Service"),
    ("5.3.2", "Studies Web Service"),
    ("5.4", "Media Services"),
    ("5.5", "Real-Time Video Services"),
    ("5.6", "Cross-Service Considerations"),
    ("5.7", "Specific Character Sets"),
    ("6", "Configuration"),
    ("7", "Network and Media Communication Details"),
    ("7.1", "General"),
    ("7.2", "Specifications"),
    ("7.2.1", "EchoNode Application Entity"),
    ("7.2.1.4", "Association Acceptance"),
    ("7.3", "Status Codes"),
    ("7.3.1", "General AE Communication and Failure Behavior and Handling"),
    ("7.3.2", "DIMSE Services"),
    ("8", "Security"),
    ("8.3", "TCP Port Configuration"),
    ("8.4", "DICOM Security Profiles Support"),
    ("8.4.2", "Secure Transport Connection"),
    ("8.4.6", "Additional DICOM Security Profiles"),
    ("8.5", "User Identity Negotiation Support"),
    ("8.6", "Web Services Security Features"),
    ("8.7", "Other Security Features"),
    ("8.7.2", "Network Security"),
    ("8.7.3", "Other Security Features"),
    ("A.A", "Information Object Definitions (IODs)"),
    ("A.D", "Mapping of Attributes"),
)
TEXTS: Final[dict[str, str]] = {
    "1.3": "See 5.3.",
    "1.4": "See 5.4.",
    "1.7": "See 5.7.",
    "8.6": "See 8.3 for the ports and their encryption; docs/access.md for accounts and tokens.",
    "8.7.2": "See 7.2.1.4 for the callers that are rejected, and 6 for the rights of the others.",
    "5.1": "All services are of the one application entity of 4.1.",
    "3": (
        "This statement is made by `echonode conformance` of one configuration and of the tables "
        "that the program itself works with. It follows the template of PS3.2 annex N. Each row of "
        "its tables is a claim with an id; `echonode conformance --json` lists them with the test "
        "that executes each against a running node. It is read with the DICOM standard, and it "
        "does not replace a test of the two systems that are to be connected: `echonode "
        "preflight` is that test. A section without a table has no claim in this configuration."
    ),
    "6": ("docs/configuration.md lists every key. What this configuration lets each peer do:"),
}
# Of the document, before the first section.
DISCLAIMER: Final = (
    "EchoNode is alpha software without certification as a medical device. What does not stand "
    "here is not claimed."
)
