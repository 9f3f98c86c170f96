"""The roots of RDS that come with pgproof, and what is said where a server or a login does not fit."""

from datetime import UTC, datetime

import psycopg
import pytest
from cryptography import x509

from pgproof.pg.database import explain_refusal
from pgproof.rds.truststore import SHIPPED


def test_every_root_that_comes_with_pgproof_is_amazons_own_and_holds():
    roots = x509.load_pem_x509_certificates(SHIPPED.read_bytes())

    assert len({root.subject for root in roots}) == len(roots) == 87
    for root in roots:
        root.verify_directly_issued_by(root)
        assert root.extensions.get_extension_for_class(x509.BasicConstraints).value.ca
        assert "OU=Amazon RDS,O=Amazon Web Services\\, Inc." in root.subject.rfc4514_string()
        assert root.not_valid_after_utc > datetime.now(UTC), "renew roots.pem: its head says how"


@pytest.mark.parametrize(
    ("said", "hint"),
    [
        ('FATAL: PAM authentication failed for user "a"', "is the role granted rds_iam"),
        (
            'server at "x.rds.amazonaws.com" (1.2.3.4), port 1 failed: FATAL:  password authentication failed for "a"',
            "has the password just been changed? By token: is the role granted rds_iam",
        ),
        ('FATAL:  password authentication failed for user "a"', "is the password in the URL"),
        ('FATAL: no pg_hba.conf entry for host "1.2.3.4", user "a", no encryption', "add ?sslmode=require"),
        ('could not translate host name "x.rds.amazonaws.com" to address', "is the host name right"),
        ('root certificate file "/x.pem" does not exist\nEither provide the file', "its roots are in another file"),
        ('could not read root certificate file "/x.pem": no certificate', "its roots are in another file"),
    ],
)
def test_what_libpq_says_of_rds_comes_with_what_to_do(said: str, hint: str):
    assert explain_refusal(psycopg.OperationalError(f"connection failed: {said}")).hint.startswith(hint)
