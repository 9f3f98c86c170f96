"""The settings that change what SQL gives, or how long it takes: a record each."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pgproof.parity.mismatch import Severity

_PLANS = "another plan may be chosen, a faster or a slower one"
_LIMIT = "a statement may be ended in one place and not in the other"
_LOCALE = "what to_char() prints for TM, L, D and G, and the type money"
_CAPACITY = "what runs at once in one place may not in the other"


@dataclass(frozen=True)
class Record:
    """A setting that matters.

    Attributes:
        why: what another value changes.
        since: major version that brought it.
    """

    name: str
    severity: Severity
    why: str
    since: int = 0


RECORDS = (
    Record("TimeZone", "breaking", "now()::date, dates without a zone, how timestamptz is printed"),
    Record("timezone_abbreviations", "breaking", "which moment '10:00 IST' is"),
    Record("DateStyle", "breaking", "whether 01/02/2026 is in January"),
    Record("IntervalStyle", "breaking", "how intervals are printed"),
    Record("search_path", "breaking", "which table a name without a schema is"),
    Record("standard_conforming_strings", "breaking", r"whether '\' escapes in a text"),
    Record("backslash_quote", "breaking", r"whether \' is a quote"),
    Record("array_nulls", "breaking", "whether NULL in '{NULL}' is one"),
    Record("transform_null_equals", "breaking", "whether = NULL finds rows"),
    Record("bytea_output", "breaking", "how bytea is printed"),
    Record("extra_float_digits", "breaking", "how many digits of a float are printed"),
    Record("xmlbinary", "breaking", "how bytea stands in XML"),
    Record("xmloption", "breaking", "what a text becomes as XML"),
    Record("default_text_search_config", "breaking", "which words to_tsvector('...') finds"),
    Record("default_transaction_isolation", "breaking", "what a transaction sees, and whether it has to be repeated"),
    Record("default_transaction_read_only", "breaking", "whether it may write"),
    Record("default_transaction_deferrable", "note", "whether a serializable reader waits"),
    Record("row_security", "breaking", "whether a policy hides rows, or the query fails"),
    Record("session_replication_role", "breaking", "whether triggers and foreign keys work"),
    Record("check_function_bodies", "note", "whether a migration with a wrong function fails at once"),
    Record("lc_monetary", "note", _LOCALE),
    Record("lc_numeric", "note", _LOCALE),
    Record("lc_time", "note", _LOCALE),
    Record("lc_messages", "note", "the language of errors: go by SQLSTATE"),
    Record("statement_timeout", "note", _LIMIT),
    Record("lock_timeout", "note", _LIMIT),
    Record("idle_in_transaction_session_timeout", "note", "a session that waits in its transaction may be ended"),
    Record("idle_session_timeout", "note", "a pool's idle connection may be ended", since=14),
    Record("transaction_timeout", "note", _LIMIT, since=17),
    Record("max_connections", "note", _CAPACITY),
    Record("max_prepared_transactions", "note", "0: PREPARE TRANSACTION fails"),
    Record("max_locks_per_transaction", "note", "a migration of many tables may run out of them"),
    Record("synchronous_commit", "note", "whether a commit survives a crash"),
    Record("wal_level", "note", "what can be replicated"),
    Record("ssl", "note", "whether a connection can be encrypted"),
    Record("password_encryption", "note", "how passwords are kept that are set from now on"),
    Record("shared_preload_libraries", "note", "extensions that need to be loaded at start"),
    Record("default_toast_compression", "note", "how large values are kept", since=14),
    Record("jit", "note", _PLANS),
    Record("random_page_cost", "note", _PLANS),
    Record("seq_page_cost", "note", _PLANS),
    Record("cpu_tuple_cost", "note", _PLANS),
    Record("effective_cache_size", "note", _PLANS),
    Record("work_mem", "note", _PLANS),
    Record("hash_mem_multiplier", "note", _PLANS),
    Record("default_statistics_target", "note", _PLANS),
    Record("max_parallel_workers_per_gather", "note", _PLANS),
    Record("plan_cache_mode", "note", _PLANS),
)
