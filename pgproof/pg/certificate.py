"""A conninfo whose server's certificate was refused in, what is wrong with that out: libpq says only that it is."""

from __future__ import annotations

import socket
import ssl

from pgproof.pg.conninfo import read_conninfo

_ASK_FOR_TLS = b"\x00\x00\x00\x08\x04\xd2\x16\x2f"  # the protocol's SSLRequest
_PATIENCE = 5  # seconds; the server has just answered


def find_fault(conninfo: str) -> str:
    """Shake hands with the server once more, and return OpenSSL's reason; empty where it has none."""
    parts = read_conninfo(conninfo)
    address = parts.get("hostaddr") or parts.get("host", ""), int(parts.get("port") or 5432)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False  # libpq has words for a wrong name
    try:
        context.load_verify_locations(parts.get("sslrootcert"))
        with socket.create_connection(address, _PATIENCE) as plain:
            plain.sendall(_ASK_FOR_TLS)
            if plain.recv(1) == b"S":
                context.wrap_socket(plain).close()
    except ssl.SSLCertVerificationError as error:
        return error.verify_message
    except (OSError, TypeError, ValueError):
        pass
    return ""
