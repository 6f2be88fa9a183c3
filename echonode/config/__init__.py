"""YAML to frozen values; every fault at once, each with its path and its remedy."""

from echonode.config.certificates import tls_doubts
from echonode.config.destination import DestinationSection
from echonode.config.loading import load, parse
from echonode.config.network import Listener
from echonode.config.schema import Config, Image, Probe, Profile, Web

__all__ = [
    "Config",
    "DestinationSection",
    "Image",
    "Listener",
    "Probe",
    "Profile",
    "Web",
    "load",
    "parse",
    "tls_doubts",
]
