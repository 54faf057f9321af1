"""The stage that makes what the cloud has of a deployment, and takes it away."""

from __future__ import annotations

from collections import Counter

from rich.console import Console
from rich.markup import escape

from clouds import plan
from clouds.deployment import Deployment
from clouds.preflight import Preflight
from deploy.stages import Report
from lib.errors import UserError


class Cluster:
    """Terraform's part: network, cluster, pools, storage, registry, identity."""

    name = "cluster"

    def __init__(self, deployment: Deployment, preflight: Preflight) -> None:
        self.deployment = deployment
        self.preflight = preflight

    def check(self) -> str | None:
        """What was applied last is what is wanted."""
        return self._summary() if self.deployment.applied() else None

    def _summary(self) -> str:
        outputs = self.deployment.outputs()
        return f"{outputs.get('cluster_name')} in {outputs.get('region')}"

    def confirm(self, console: Console) -> None:
        """Show what would be made, where, as whom, and at which price."""
        findings = self.preflight.findings
        if findings is None or not findings.changes:
            return
        rows = [*findings.rows, *self._changed()]
        width = max(len(label) for label, _ in rows)
        for label, text in rows:
            console.print(f"  [bold]{label:<{width}}[/]  {escape(text)}", soft_wrap=True)
        again = self.deployment.command("deploy")
        self.deployment.options.agree(console, "This will cost money.", "yes", again)

    def _changed(self) -> list[tuple[str, str]]:
        findings = self.preflight.findings
        changes = findings.changes if findings else []
        rows = [("plan", plan.summary(changes))]
        made = Counter(one.kind for one in changes if "create" in one.actions)
        shown = [f"{count} {kind}" if count > 1 else kind for kind, count in sorted(made.items())]
        if shown:
            rows.append(("to create", ", ".join(shown)))
        for action, label in (("update", "to change"), ("delete", "to delete")):
            if found := [one.address for one in changes if action in one.actions]:
                rows.append((label, ", ".join(found)))
        folder = self.deployment.root
        rows.append(("in full", f"terraform -chdir={folder} show {self.deployment.plan_file}"))
        return rows

    def action(self, report: Report) -> str:
        """Apply the plan that was shown."""
        there = self.deployment
        findings = self.preflight.findings
        if findings is None:
            raise UserError("there is no plan to apply", there.command("deploy"))
        changes = len(findings.changes)
        try:
            there.terraform.apply(there.plan_file, changes, report)
        except UserError as error:
            raise UserError(
                f"{error.message}\nwhat was made before that stays, and the state knows it",
                f"{error.hint or 'mend that'}; then {there.command('deploy')} goes on from here, "
                f"and {there.command('destroy')} takes all away",
            ) from error
        finally:
            there.plan_file.unlink(missing_ok=True)  # values of variables are in it
        region = there.remember().get("region")
        there.record.set(applied=there.digest(), region=region)
        return self._summary()

    def undo(self, report: Report) -> str:
        """Destroy all but the data; all with DATA=delete."""
        there = self.deployment
        there.terraform.prepare(report)
        resources = there.state()
        there.check_owner(resources)
        kept = set() if there.options.data == "delete" else plan.kept(resources)
        targets = [one["address"] for one in resources if one["address"] not in kept]
        if targets:
            report("terraform plan -destroy")
            planned = there.terraform.plan(
                there.plan_file, destroy=True, targets=targets if kept else ()
            )
            try:
                changes = len(plan.changes(planned))
                there.terraform.apply(there.plan_file, changes, report)
            except UserError as error:
                raise UserError(error.message, there.command("destroy")) from error
            finally:
                there.plan_file.unlink(missing_ok=True)
        there.record.set(applied=None, credentials=None, pushed=None)
        there.record.kubeconfig.unlink(missing_ok=True)
        (there.record.folder / "outputs.json").unlink(missing_ok=True)
        if kept:
            return f"{len(targets)} resources; {len(kept)} stay, with the data"
        there.terraform.forget()
        return f"{len(targets)} resources" if targets else "not there"
