"""A plan in, the instance as planned out: made, changed or waited for, whatever is left to do."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from pgproof.errors import CloudError, Problem, SettingsError, SqlFileError
from pgproof.rds.difference import compare
from pgproof.rds.fields import make_tags
from pgproof.rds.instance import find_instance
from pgproof.rds.request import make_creation, make_modification
from pgproof.rds.statuses import FAILURES, MENDED_BY, THERE
from pgproof.rds.waiting import Wait, await_status

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Sequence

    from pgproof.rds.cloud import Cloud
    from pgproof.rds.difference import Difference
    from pgproof.rds.finding import Finding
    from pgproof.rds.instance import Instance
    from pgproof.rds.plan import Plan


@dataclass(frozen=True)
class Ensured:
    """What had to be done.

    Attributes:
        instance: as it is now.
        made: it was not there before.
        changed: what was asked of RDS.
        waiting: what is to come with the next maintenance window.
    """

    instance: Instance
    made: bool = False
    changed: Sequence[Difference] = ()
    waiting: Sequence[Difference] = ()


@dataclass(frozen=True, kw_only=True)
class Provision:
    """What is to be, and how far one may go for it.

    Attributes:
        judge: a plan in, what is wrong with it out.
        password: the master user's, where the plan says that it comes from the environment.
        now: do at once what restarts the instance, instead of in its maintenance window.
        major: upgrade to another major version, if that is planned; there is no way back.
    """

    cloud: Cloud
    plan: Plan
    wait: Wait
    judge: Callable[[Plan], Sequence[Finding]]
    password: str = field(default="", repr=False)
    now: bool = False
    major: bool = False

    def ensure(self) -> Ensured:
        """Make the instance, or change it to what is planned, and wait until it is available.

        Raises:
            SqlFileError: the plan cannot work, or never becomes true of this instance; nothing was asked of RDS then.
            SettingsError: there is no password, or `major` is needed.
            CloudError: AWS refused; or the instance failed, or took too long.
        """
        found = find_instance(self.cloud, self.plan.identifier)
        if found is None and self._create():
            return Ensured(self._await_there(), made=True)
        instance = found if found and found.status in {*THERE, *FAILURES} else self._await_there()
        differences = compare(self.plan, instance, pending=not self.now)
        self._refuse_failed(instance, differences)
        if differences:
            self._refuse_judged({each.name for each in differences})
            self._refuse_never(differences)
            instance = self._change(instance, differences)
        return Ensured(instance, changed=differences, waiting=compare(self.plan, instance, pending=False))

    def _create(self) -> bool:
        """Ask for the instance; False: somebody was faster, or a reply of AWS' was lost."""
        from pgproof.rds.firewall.group import ensure_group

        self._refuse_judged()
        arguments = make_creation(self.plan, self.password)
        if not self.plan.security_groups:
            arguments["VpcSecurityGroupIds"] = [ensure_group(self.cloud, self.plan)]
        try:
            self.cloud.ask(self.cloud.rds.create_db_instance, **arguments)
        except CloudError as error:
            if error.code == "DBInstanceAlreadyExists":
                return False
            raise
        return True

    def _change(self, instance: Instance, differences: Sequence[Difference]) -> Instance:
        """Ask for what takes no restart first: whatever waits is done together with what is done at once."""
        quick = [each for each in differences if self.now or each.change == "at once"]
        slow = [each for each in differences if each not in quick]
        for part in filter(None, (quick, slow)):
            at_once = part is quick and (self.now or not instance.pending)
            self._modify(instance, part, at_once=at_once)
            instance = self._await_there(before=instance.status, part=part if at_once else ())
        return instance

    def _modify(self, instance: Instance, part: Sequence[Difference], *, at_once: bool) -> None:
        rds = self.cloud.rds
        if arguments := make_modification(self.plan, part, self.password, instance):
            self.cloud.ask(rds.modify_db_instance, **arguments, ApplyImmediately=at_once)
        if any(each.name == "tags" for each in part):
            tags = make_tags(self.plan.tags)
            self.cloud.ask(rds.add_tags_to_resource, ResourceName=instance.said["DBInstanceArn"], Tags=tags)

    def _await_there(self, *, before: str = "", part: Sequence[Difference] = ()) -> Instance:
        names = {each.name for each in part}

        def taken(instance: Instance) -> bool:
            return names.isdisjoint(each.name for each in compare(self.plan, instance, pending=False))

        return await_status(self.cloud, self.plan.identifier, THERE, self.wait, before=before, taken=taken)

    def _refuse_judged(self, news: Collection[str] | None = None) -> None:
        """Refuse what cannot work, but for what an instance has already: it works there."""
        errors = [each for each in self.judge(self.plan) if each.severity == "error"]
        if errors := [each for each in errors if news is None or each.field in news]:
            raise SqlFileError([Problem(each.at, f"{each.what} ({each.rule})", each.hint) for each in errors])

    def _refuse_never(self, differences: Sequence[Difference]) -> None:
        never = [each for each in differences if each.change == "never"]
        if never:
            what = "{0.name} {0.before} never becomes {0.after}"
            raise SqlFileError([Problem(each.at, what.format(each), each.why) for each in never])
        for each in differences:
            becomes = f"{each.name} {each.before} becomes {each.after}"
            if each.is_major and not self.major:
                what = f"{becomes}: an upgrade that has no way back"
                hint = "take a snapshot, try it on a copy, then --major; or write what it has"
                raise SettingsError(what, at=each.at, hint=hint)
            if each.name == "port" and not self.now:
                what = f"{becomes}: RDS does not wait with it for the maintenance window, and restarts the instance"
                raise SettingsError(what, at=each.at, hint="--now")

    def _refuse_failed(self, instance: Instance, differences: Sequence[Difference]) -> None:
        mended = MENDED_BY.get(instance.status) in {each.name for each in differences}
        if instance.status in FAILURES and not mended:
            raise CloudError(f"{instance.identifier} is {instance.status}", hint=FAILURES[instance.status])
