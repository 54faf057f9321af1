"""The stage that fetches credentials of a cluster into a file of its own."""

from __future__ import annotations

from clouds.cli import EXPIRED, Cli
from clouds.deployment import Deployment
from deploy import explain
from deploy.stages import Report
from lib.errors import UserError
from lib.kube import Kube

#: Seconds that a new cluster may take until it answers under its name.
ANSWERS = 300


class Credentials:
    """`.kube/<cloud>.yaml`; the user's own kubeconfig is never touched."""

    name = "credentials"

    def __init__(self, deployment: Deployment) -> None:
        self.deployment = deployment

    def check(self) -> str | None:
        """The file is there, is of this cluster, and its API server answers."""
        record = self.deployment.record
        wanted = self.deployment.outputs().get("get_credentials_command")
        if record.get("credentials") != wanted or not Kube(record.kubeconfig).alive():
            return None
        return self._summary()

    def _summary(self) -> str:
        return f"export KUBECONFIG={self.deployment.record.kubeconfig}"

    def action(self, report: Report) -> str:
        """Run the command that Terraform gives, and wait for an answer.

        Raises:
            UserError: the login is no longer good, or the API server does not answer.
        """
        there, record = self.deployment, self.deployment.record
        outputs = there.outputs() or there.remember()
        command = outputs.get("get_credentials_command")
        if not command:
            raise UserError(f"there is no cluster {there.name}", there.command("deploy"))
        record.kubeconfig.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        record.kubeconfig.unlink(missing_ok=True)
        report(str(command))
        shell = Cli("bash", "", there.provider.login, {"KUBECONFIG": str(record.kubeconfig)})
        shell.text("-euo", "pipefail", "-c", str(command))
        record.kubeconfig.chmod(0o600)
        record.set(credentials=command)
        report("waiting for the API server")
        said = ""
        for _ in explain.patience(ANSWERS, every=3):
            said = Kube(record.kubeconfig).unanswered()
            if not said:
                return self._summary()
            if EXPIRED.search(said):
                raise shell.expired(said)
        raise UserError(
            f"the API server of {there.name} did not answer within {ANSWERS} s: {said}",
            "a private cluster answers only in its network; a restricted one to authorized_cidrs "
            f"of {there.variables.name}: your address must be among them",
        )

    def undo(self, report: Report) -> str:
        """Remove the file."""
        self.deployment.record.kubeconfig.unlink(missing_ok=True)
        return "removed"
