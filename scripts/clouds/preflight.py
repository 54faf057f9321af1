"""The stage before anything is made: can it be, and what would it cost."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

from clouds import cost, plan, terraform
from clouds.cli import Cli, needs
from clouds.deployment import Deployment
from clouds.plan import Change, Nodes
from deploy.stages import Report
from lib.errors import UserError

DOCKER = "https://docs.docker.com/engine/install, or IMAGES=registry/path:tag names pushed images"


@dataclass(slots=True)
class Findings:
    """What is shown to the user before anything is made.

    Args:
        changes: what the plan would do.
        rows: what else there is to say, label and text.
    """

    changes: list[Change] = field(default_factory=list)
    rows: list[tuple[str, str]] = field(default_factory=list)


class Preflight:
    """Tools, login, permissions, quotas, names, and the price of what Terraform plans."""

    name = "preflight"

    def __init__(self, deployment: Deployment) -> None:
        self.deployment = deployment
        self.findings: Findings | None = None

    def check(self) -> str | None:
        """What was applied is what is wanted: there is nothing to look into."""
        return "nothing new is asked for" if self.deployment.applied() else None

    def action(self, report: Report) -> str:
        """Plan, and look at all that could go wrong half-way.

        Raises:
            UserError: something would; all that was found at once.
        """
        there = self.deployment
        report("programs")
        tools = self._programs()
        report("login")
        account = there.account
        there.terraform.prepare(report)
        state = there.state()
        there.check_owner(state)
        report("terraform plan")
        planned = there.terraform.plan(there.plan_file)
        changes = plan.changes(planned)
        region = plan.variable(planned, "region") or ""
        if not state:
            there.check_unknown(region)
        word = there.provider.account_word
        findings = Findings(changes)
        findings.rows = [
            (word, f"{account.name} ({account.id}), as {account.user}"),
            ("deployment", f"{there.name}, region {region}"),
            ("variables", str(there.variables)),
            ("state", there.terraform.backend()),
            ("programs", ", ".join(tools)),
        ]
        if changes:
            report(f"{word}: permissions, quotas, names, prices")
            self._look(region, planned, findings)
        self.findings = findings
        return f"{account.name}, {region}: to {plan.summary(changes)}"

    def _programs(self) -> list[str]:
        there = self.deployment
        docker = Cli("docker", DOCKER)
        wanted = [
            (Cli(terraform.binary(), terraform.INSTALL), terraform.LEAST, ("version",)),
            *there.provider.programs(),
        ]
        if not there.options.images and not there.record.get("images"):
            wanted.append((docker, (0, 10), ("buildx", "version")))
        found = [needs(cli, least, *words) for cli, least, words in wanted]
        if wrong := [problem for _, problem in found if problem]:
            raise UserError("\n  ".join(wrong), there.command("deploy"))
        return [name for name, _ in found]

    def _look(self, region: str, planned: dict[str, Any], findings: Findings) -> None:
        """Ask the cloud, and fill what was found in; the questions take seconds each."""
        provider, account = self.deployment.provider, self.deployment.account
        resources = plan.planned(planned)
        nodes = nodes_of(self.deployment, planned)
        kinds = {one.kind for one in findings.changes if "create" in one.actions}
        with ThreadPoolExecutor(4) as pool:
            refused = pool.submit(provider.refused, account, kinds)
            room = pool.submit(provider.room, region, nodes, findings.changes)
            taken = pool.submit(provider.taken, region, findings.changes)
            price = pool.submit(cost.estimate, provider, region, nodes, resources)
        wrong = list(taken.result())
        wrong += room.result().missing
        if actions := refused.result():
            wrong.append(f"{account.user} may not do {', '.join(actions)}: ask for a role that may")
        for quota in room.result().quotas:
            if quota.least > quota.free:
                wrong.append(
                    f"{quota.name}: {quota.least:g} {quota.unit} are needed at least, and "
                    f"{quota.free:g} of {quota.limit:g} are free in {region}: {quota.raise_by}"
                )
            elif quota.most > quota.free:
                findings.rows.append(("note", f"{quota}: pools will not fill up in {region}"))
        if wrong:
            raise UserError(
                "nothing was made, since it would fail half-way:\n  " + "\n  ".join(wrong),
                f"then again: {self.deployment.command('deploy')}",
            )
        if refused.result() is None:
            findings.rows.append(("note", "permissions are not known: this login may not ask"))
        if unknown := room.result().unknown:
            findings.rows.append(("note", f"this login may not ask how many: {', '.join(unknown)}"))
        findings.rows += [("quota", str(one)) for one in room.result().quotas]
        findings.rows += [("nodes", str(one)) for one in nodes]
        findings.rows.append(("cost", str(price.result())))

    def undo(self, report: Report) -> str:
        """Nothing was made."""
        return "nothing to undo"


def nodes_of(deployment: Deployment, planned: dict[str, Any]) -> list[Nodes]:
    """All nodes that a plan means: Terraform's pools, and those that something else fills."""
    found = deployment.provider.nodes(plan.planned(planned))
    if plan.variable(planned, "node_provisioning") == "auto":
        found += plan.pools(planned)
    return found
