"""RDS' words for what an instance does: where it can be connected to, and what it does not leave by itself. Pure.

All others are on the way to somewhere: creating, backing-up, modifying, and whatever AWS thinks of next.
"""

THERE = frozenset({"available", "storage-optimization", "storage-initialization"})
"""It takes connections; storage is made ready behind its back, for hours."""

_EVENTS = "`aws rds describe-events --source-type db-instance` says why"
_RESTORE = "restore the latest snapshot, or to a point in time"
_KEY = "make its KMS key usable again: enabled, and open to RDS"

FAILURES = {
    "deleting": "somebody deletes it: wait, then `inv rds.ensure` makes it anew",
    "failed": f"{_EVENTS}; an instance like this can only be deleted, and made or restored anew",
    "inaccessible-encryption-credentials": f"its KMS key is lost to it: {_RESTORE}",
    "inaccessible-encryption-credentials-recoverable": f"{_KEY}, then `inv rds.start`",
    "incompatible-create": f"{_EVENTS}; delete it, and change the plan",
    "incompatible-credentials": "its role of the service is not allowed what it needs: IAM has to give it back",
    "incompatible-network": f"{_EVENTS}; are there free addresses in its subnets, and are they still there?",
    "incompatible-option-group": f"{_EVENTS}; give it another option group in the console",
    "incompatible-parameters": "a parameter does not fit its class or version: change it in the parameter group,"
    " or write another `parameter_group` in the plan; then reboot it",
    "incompatible-restore": f"{_EVENTS}; delete it, and restore with what the snapshot needs",
    "insufficient-capacity": "AWS has no more of this class in this zone: delete it, and plan another zone or class",
    "restore-error": f"{_EVENTS}; delete it, and restore again",
    "stopped": "`inv rds.start` starts it",
    "storage-full": "write more `storage` in the plan, then `inv rds.ensure`; --now, if something waits for its window",
    "upgrade-failed": f"{_EVENTS}; it is left at the version it had",
}
"""What it does not leave by itself, each with what to do about it."""

MENDED_BY = {"storage-full": "storage", "incompatible-parameters": "parameter_group"}
"""The word of a plan that leads out of a failure."""

STAYS = {"available": f"it was not deleted: {_EVENTS}"}
"""What an instance that is being deleted does not become unless that failed."""
