"""What a person writes after --ip in, the one address of the internet that it means out; anything wider is refused."""

from __future__ import annotations

from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address
from typing import TYPE_CHECKING
from urllib.request import urlopen

from pgproof.errors import CloudError, SettingsError

if TYPE_CHECKING:
    from collections.abc import Callable

ASKED = "https://checkip.amazonaws.com"
_PATIENCE = 5.0  # seconds
_LONGEST = 100  # bytes of an answer: an address has 39 at most
_EXAMPLE = "one address such as 8.8.4.4, or `auto` for the one that AWS sees you come from"

_UNICAST = IPv6Network("2000::/3")
# Ways to write another address, and examples for books: nobody comes from there.
_NOT_A_PLACE = [IPv6Network(each) for each in ("2001::/32", "2002::/16", "2001:db8::/32", "3fff::/20")]


@dataclass(frozen=True)
class Address:
    """One address of the internet."""

    value: IPv4Address | IPv6Address

    @property
    def cidr(self) -> str:
        """It alone, as a rule writes it: /32, or /128."""
        return f"{self.value}/{self.value.max_prefixlen}"

    @property
    def kind(self) -> str:
        """The word of a rule's for it."""
        return f"CidrIpv{self.value.version}"


def read_address(text: str) -> Address:
    """Return the address that a text is.

    Raises:
        SettingsError: it is none, or more than one; or nobody comes from there over the internet.
    """
    written, slash, length = text.partition("/")
    try:
        value = ip_address(written)
    except ValueError:
        raise SettingsError(f"{text!r} is no IP address", hint=_EXAMPLE) from None
    if slash and length != str(value.max_prefixlen):
        raise SettingsError(f"{text!r} is not one address", hint=f"{_EXAMPLE}; a range is never opened")
    if not _is_of_internet(value):
        raise SettingsError(f"nobody comes from {text!r} over the internet", hint=_EXAMPLE)
    return Address(value)


def discover_address(ask: Callable[[], bytes] | None = None) -> Address:
    """Return the address that AWS sees this machine come from; behind a proxy for HTTP, that of the proxy.

    Args:
        ask: returns what AWS answers.

    Raises:
        CloudError: there was no answer, or it was no address.
    """
    hint = "say it: --ip=ADDRESS"
    try:
        answer = (ask or _ask)().decode("ascii").strip()
    except (OSError, ValueError) as error:  # of the network; of decoding
        raise CloudError(f"{ASKED} was not reached: {' '.join(str(error).split())}", hint=hint) from error
    try:
        return read_address(answer)
    except SettingsError as error:
        raise CloudError(f"{ASKED} did not say where this machine is: {error.what}", hint=hint) from error


def _ask() -> bytes:
    with urlopen(ASKED, timeout=_PATIENCE) as answer:
        said: bytes = answer.read(_LONGEST)
        return said


def _is_of_internet(value: IPv4Address | IPv6Address) -> bool:
    if isinstance(value, IPv6Address):
        is_place = not any(value in each for each in _NOT_A_PLACE)
        return value.is_global and value in _UNICAST and is_place and value.scope_id is None
    return value.is_global and not (value.is_multicast or value.is_reserved)
