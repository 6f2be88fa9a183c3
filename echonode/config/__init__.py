"""YAML to frozen values; every fault at once, each with its path and its remedy.

Here: the form of the configuration, its checks, its summary and the examples of it.
Not here: what a part makes of its section (node/settings/).
"""

from echonode.config.destination import DestinationSection
from echonode.config.doubts import doubts
from echonode.config.imaging import Image, Profile
from echonode.config.loading import load, parse
from echonode.config.network import Listener
from echonode.config.probe import Probe
from echonode.config.schema import Config, Web
from echonode.config.summary import as_yaml, summary

__all__ = [
    "Config",
    "DestinationSection",
    "Image",
    "Listener",
    "Probe",
    "Profile",
    "Web",
    "as_yaml",
    "doubts",
    "load",
    "parse",
    "summary",
]
