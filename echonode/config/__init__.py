"""YAML to frozen values; every fault at once, each with its path and its remedy."""

from echonode.config.loading import load, parse
from echonode.config.schema import Config, Image, Listener, Probe, Profile, Web

__all__ = ["Config", "Image", "Listener", "Probe", "Profile", "Web", "load", "parse"]
