"""The name of a bundle in, the file of root certificates that a server of RDS is checked by out.

RDS signs with roots of its own, which no system trusts, so they come with pgproof. Where they are from, how they were
checked and how they are renewed stands at the top of roots.pem.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from pgproof.errors import SettingsError

if TYPE_CHECKING:
    from pgproof.errors import Location

SHIPPED = Path(__file__).with_name("roots.pem")
OFFICIAL = "https://truststore.pki.rds.amazonaws.com/global/global-bundle.pem"


def find_roots(bundle: Path | None, at: Location | None = None) -> Path:
    """Return the file: the bundle, or else the roots that come with pgproof.

    Args:
        bundle: a file of PEM certificates.
        at: where it is named.

    Raises:
        SettingsError: there is no such file, or no certificate in it; libpq's own words would be about neither plan
            nor setting.
    """
    if bundle is None:
        return SHIPPED
    try:
        has_any = b"-----BEGIN CERTIFICATE-----" in bundle.read_bytes()
    except OSError as error:
        what = f"ca_bundle {bundle} cannot be read: {error.strerror}"
        raise SettingsError(
            what, at=at, hint=f"Amazon's is {OFFICIAL}; without ca_bundle, pgproof's own is used"
        ) from error
    if not has_any:
        raise SettingsError(f"ca_bundle {bundle} has no certificate", at=at, hint=f"Amazon's is {OFFICIAL}")
    return bundle
