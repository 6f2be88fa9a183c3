"""How often a password, a PIN or a set-up code may be tried.

Rules
- A try costs one of the address's tries and one of the name's; both come back with time. A success
  gives the try back.
- The name's are more than the address's: who guesses from one address does not keep the user out.
- The memory is bounded: of addresses and of names the MOST that tried last are remembered. Who has
  more addresses than that has as many tries as addresses anyway, and the name's are counted.
- Not thread-safe.
"""

from __future__ import annotations

import ipaddress
from collections import OrderedDict
from dataclasses import dataclass

MOST = 4096
# At once, of one address and of one name; they come back one by one.
ADDRESS_TRIES, NAME_TRIES = 10, 20
_IPV6_SUBSCRIBER = 64  # the bits that one subscriber does not choose


@dataclass
class _Tries:
    """left: at the moment `at`."""

    left: float
    at: float


class _Buckets:
    """Tries by key: `burst` at once, one more every `every_s`."""

    def __init__(self, *, burst: int, every_s: float) -> None:
        self._burst, self._every_s = burst, every_s
        self._tries: OrderedDict[str, _Tries] = OrderedDict()

    def __len__(self) -> int:
        return len(self._tries)

    def take(self, key: str, now: float) -> float:
        """Seconds to wait before a try; 0 where it may be made, and is counted."""
        tries = self._tries.pop(key, None) or _Tries(self._burst, now)
        tries.left = min(self._burst, tries.left + max(0.0, now - tries.at) / self._every_s)
        tries.at = now
        wait = 0.0 if tries.left >= 1 else (1 - tries.left) * self._every_s
        if not wait:
            tries.left -= 1
        self._tries[key] = tries
        if len(self._tries) > MOST:
            self._tries.popitem(last=False)
        return wait

    def give_back(self, key: str) -> None:
        if tries := self._tries.get(key):
            tries.left = min(self._burst, tries.left + 1)


class LoginLimits:
    """Tries by address and by name. now: seconds of a monotonic clock."""

    def __init__(self) -> None:
        self._by_address = _Buckets(burst=ADDRESS_TRIES, every_s=20.0)
        self._by_name = _Buckets(burst=NAME_TRIES, every_s=10.0)

    def wait_s(self, address: str, name: str, now: float) -> float:
        """Seconds to wait before a try; 0 where it may be made, and is counted."""
        wait = self._by_address.take(_subscriber(address), now)
        if wait:
            return wait
        if wait := self._by_name.take(name, now):
            self._by_address.give_back(_subscriber(address))
        return wait

    def succeeded(self, address: str, name: str) -> None:
        """The try was right: it counts no longer."""
        self._by_address.give_back(_subscriber(address))
        self._by_name.give_back(name)

    @property
    def remembered(self) -> int:
        """Addresses and names, together."""
        return len(self._by_address) + len(self._by_name)


def _subscriber(address: str) -> str:
    """An IPv6 subscriber has 2^64 addresses, and counts as one."""
    try:
        known = ipaddress.ip_address(address)
    except ValueError:
        return address[:64]
    if isinstance(known, ipaddress.IPv6Address):
        if known.ipv4_mapped:
            return str(known.ipv4_mapped)
        return str(ipaddress.ip_network((int(known), _IPV6_SUBSCRIBER), strict=False))
    return address
