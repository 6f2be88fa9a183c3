"""moto on the port of the server whose place it takes, with a bucket for each folder below /data.

The arguments are those of that server, and mean nothing here.
"""

from __future__ import annotations

import subprocess
import sys
import time
import urllib.request
from pathlib import Path

server = subprocess.Popen([sys.executable, "-m", "moto.server", "-H", "0.0.0.0", "-p", "7070"])
for bucket in Path("/data").iterdir():
    while server.poll() is None:
        try:
            request = urllib.request.Request(f"http://127.0.0.1:7070/{bucket.name}", method="PUT")
            urllib.request.urlopen(request, timeout=10).close()
        except OSError:
            time.sleep(0.1)
        else:
            break
sys.exit(server.wait())
