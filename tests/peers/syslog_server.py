"""syslog-ng as an audit record repository: syslog by TLS (RFC 5425) and by UDP (RFC 5426)."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Self

from tests.peers.authority import Issued
from tests.peers.part import Part
from tests.peers.ports import LOOPBACK, free_port
from tests.peers.process import ChildProcess, has_listener
from tests.peers.programs import find_program

_CONFIGURATION = """
@version: 3.38
options {{ keep-hostname(yes); chain-hostnames(no); log-msg-size(65536); stats-freq(0);
  use-dns(no); dns-cache(no); }};
source tls {{ network(ip("{host}") port({tls_port}) transport("tls") flags(syslog-protocol)
  max-connections(20) log-iw-size(1000)
  tls(key-file("{key}") cert-file("{cert}") ca-file("{ca}") peer-verify(required-trusted)
  ssl-options(no-sslv2, no-sslv3, no-tlsv1, no-tlsv11))); }};
source udp {{ network(ip("{host}") port({udp_port}) transport("udp") flags(syslog-protocol)
  so-rcvbuf(4194304)); }};
destination file {{ file("{out}" template("$(format-json pri=\\"$PRI\\" host=\\"$HOST\\"
  program=\\"$PROGRAM\\" msgid=\\"$MSGID\\" sequence=\\"${{.SDATA.meta.sequenceId}}\\"
  stamp=\\"$ISODATE\\" message=\\"$MSG\\")\\n") flush-lines(1)); }};
log {{ source(tls); source(udp); destination(file); }};
"""
# syslog(transport("tls")) is the source with the octet counting of RFC 5425.
_FRAMED = _CONFIGURATION.replace(
    'network(ip("{host}") port({tls_port})', 'syslog(ip("{host}") port({tls_port})'
).replace('transport("tls") flags(syslog-protocol)', 'transport("tls")')


class SyslogServer(Part):
    """One syslog-ng; what it received is in `messages`, also after a restart."""

    def __init__(self, own: Issued, authority: Path, *, folder: Path | None = None) -> None:
        super().__init__(prefix="syslog", folder=folder)
        self.host, self.tls_port, self.udp_port = LOOPBACK, free_port(), free_port()
        self._own, self._authority = own, authority

    @property
    def _out(self) -> Path:
        return self.folder / "received.jsonl"

    def start(self) -> Self:
        configuration = self.folder / "syslog-ng.conf"
        configuration.write_text(
            _FRAMED.format(
                host=self.host,
                tls_port=self.tls_port,
                udp_port=self.udp_port,
                key=self._own.key,
                cert=self._own.cert,
                ca=self._authority,
                out=self._out,
            )
        )
        state = [
            f"--{name}={self.folder / name}" for name in ("persist-file", "control", "pidfile")
        ]
        self._child = ChildProcess(
            [
                find_program("syslog-ng"),
                *("--foreground", "--no-caps", "--stderr"),
                *("--cfgfile", configuration),
                *state,
            ],
            folder=self.folder,
            name="syslog-ng",
        )
        self._child.start(ports=[self.tls_port], answers=has_listener)
        return self

    @property
    def messages(self) -> Sequence[dict[str, str]]:
        """What came: pri, host, program, msgid, sequence, stamp, message."""
        if not self._out.exists():
            return []
        lines = self._out.read_bytes().splitlines()
        return [json.loads(line) for line in lines if line.startswith(b"{") and line[-1:] == b"}"]

    @property
    def numbers(self) -> set[int]:
        """The records that came, by their numbers."""
        return {int(each["sequence"]) for each in self.messages}
