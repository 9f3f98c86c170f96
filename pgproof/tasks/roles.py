"""db.roles: owner, migrator, application, reader."""

from __future__ import annotations
