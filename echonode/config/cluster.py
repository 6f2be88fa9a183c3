"""This node among several on one database."""

from __future__ import annotations

from echonode.config.fields import Name, Section


class NodeSection(Section):
    """One of several nodes with one AE title. docs/scaling.md sets up two."""

    name: Name | None = None
    """The name of this node, different for each and the same after a restart; needed where
    `index.url` names a server. Example: node-1"""
