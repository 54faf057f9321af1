"""The stage of other people's charts: environments/<place>/addons.yaml, filled and installed.

The file's form is told in environments/README.md.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import jsonschema
import yaml

from clouds.record import Record, fixed
from deploy import explain
from deploy.helm import Installed, Release, installed
from deploy.stages import Report
from lib.errors import UserError
from lib.kube import Kube, Object, available, condition, is_ours, namespace_object
from lib.paths import ROOT

SCHEMA = Path(__file__).with_name("addons.schema.json")

#: Seconds that an add-on may take until it is up: images are pulled, and nodes may be made.
UP = 900

_PLACEHOLDER = re.compile(r"\$\$\{|\$\{([^}]*)\}")
_MISSING = object()


@dataclass(frozen=True, slots=True)
class AddOn:
    """One entry of addons.yaml; the keys are told in environments/README.md."""

    name: str
    about: str
    chart: Mapping[str, str]
    namespace: str
    pod_security: str = "restricted"
    values: Mapping[str, Any] = field(default_factory=dict)
    when: str = ""
    optional: bool = False
    ready: tuple[str, ...] = ()


def load(path: Path) -> list[AddOn]:
    """The add-ons of a file, in its order; none where there is no file.

    Raises:
        UserError: it is not of the form that it should be.
    """
    if not path.exists():
        return []
    content = yaml.safe_load(path.read_text())
    validator = jsonschema.Draft202012Validator(json.loads(SCHEMA.read_text()))
    if error := jsonschema.exceptions.best_match(validator.iter_errors(content)):
        where = ".".join(str(part) for part in error.absolute_path) or "the file"
        raise UserError(f"{path}: {where}: {error.message}")
    return [
        AddOn(
            name=name,
            about=one["about"],
            chart=one["chart"],
            namespace=one["namespace"],
            pod_security=one.get("podSecurity", "restricted"),
            values=one.get("values", {}),
            when=one.get("when", ""),
            optional=one.get("optional", False),
            ready=tuple(one.get("ready", ())),
        )
        for name, one in (content or {}).items()
    ]


def chosen(
    known: Sequence[AddOn], outputs: Mapping[str, Any], asked: str, place: str
) -> list[AddOn]:
    """Those to install, in their order.

    Args:
        known: all of a place.
        outputs: Terraform's, which `when` looks into.
        asked: what ADDONS says: names to add, with a minus to leave out.
        place: for messages.

    Raises:
        UserError: ADDONS names one that there is not.
    """
    words = asked.replace(",", " ").split()
    names = {one.name for one in known}
    for word in words:
        if word.removeprefix("-").removeprefix("+") not in names:
            raise UserError(
                f"ADDONS={asked}: {place} has no add-on {word.removeprefix('-')}; there is: "
                f"{', '.join(sorted(names)) or 'none'}",
                "ADDONS='kueue -opencost' adds one and leaves another out",
            )
    added = {word.removeprefix("+") for word in words if not word.startswith("-")}
    left_out = {word[1:] for word in words if word.startswith("-")}
    return [
        one
        for one in known
        if one.name not in left_out
        and (not one.optional or one.name in added)
        and (not one.when or _found(one.when, outputs) not in (_MISSING, None, False, {}, [], ""))
    ]


def _found(path: str, outputs: Any) -> Any:
    for part in path.split("."):
        if not isinstance(outputs, Mapping) or part not in outputs:
            return _MISSING
        outputs = outputs[part]
    return outputs


def filled(value: Any, outputs: Mapping[str, Any], where: str) -> Any:
    """A value with its placeholders filled.

    Args:
        value: of any form that YAML has.
        outputs: what placeholders look into.
        where: for messages: the add-on, and the path of the value.

    Raises:
        UserError: a placeholder leads nowhere, or to something that is no text within one.
    """
    if isinstance(value, Mapping):
        return {k: filled(v, outputs, f"{where}.{k}") for k, v in value.items()}
    if isinstance(value, list):
        return [filled(one, outputs, f"{where}[{i}]") for i, one in enumerate(value)]
    if not isinstance(value, str):
        return value
    whole = re.fullmatch(r"\$\{([^}]*)\}", value)
    if whole:
        return _looked_up(whole[1], outputs, where)

    def text(match: re.Match[str]) -> str:
        if match[1] is None:
            return "${"
        inner = _looked_up(match[1], outputs, where)
        if inner is None or isinstance(inner, Mapping | list):
            raise UserError(
                f"{where}: ${{{match[1]}}} is {'null' if inner is None else 'no text'}, and stands "
                f"within a longer text: {value}",
                "let it stand alone, or name a part of it",
            )
        return str(inner).lower() if isinstance(inner, bool) else str(inner)

    return _PLACEHOLDER.sub(text, value)


def _looked_up(path: str, outputs: Mapping[str, Any], where: str) -> Any:
    found = _found(path.strip(), outputs)
    if found is _MISSING:
        parts = path.strip().split(".")
        while parts and _found(".".join(parts), outputs) is _MISSING:
            parts.pop()
        inner = _found(".".join(parts), outputs) if parts else outputs
        there = ", ".join(sorted(inner)) if isinstance(inner, Mapping) else "nothing"
        under = f"under {'.'.join(parts)} there is" if parts else "Terraform's outputs are"
        raise UserError(f"{where}: ${{{path}}} leads nowhere: {under} {there or 'nothing'}")
    return found


def up(obj: Object) -> bool:
    """Whether an object does what it is there for."""
    status, kind = obj.get("status", {}), obj["kind"]
    current = status.get("observedGeneration") == obj["metadata"].get("generation")
    if kind == "Deployment":
        return available(obj)
    if kind == "StatefulSet":
        return bool(current and status.get("readyReplicas", 0) == obj["spec"].get("replicas", 1))
    if kind == "DaemonSet":
        # none is wanted while the pool that it is for has no node
        wanted = status.get("desiredNumberScheduled", 0)
        updated = wanted == 0 or status.get("updatedNumberScheduled", 0) == wanted
        return bool(current and updated and status.get("numberReady", 0) == wanted)
    kinds = {one["type"] for one in status.get("conditions", [])}
    for word in ("Established", "Available", "Ready", "Programmed", "Accepted", "Active"):
        if word in kinds:
            return condition(obj, word)
    return True


#: Kinds of a release that say when they are up; Helm marks each with its release.
TELLING = "deployments,statefulsets,daemonsets,apiservices"


class AddOns:
    """What a cluster needs once beside the platform.

    Args:
        place: the environment's name.
        record: of the deployment, which remembers what was asked for.
        asked: what ADDONS says now.
        outputs: tells Terraform's outputs, or an empty map.
        again: the command that goes on from here.
    """

    name = "add-ons"

    def __init__(
        self,
        place: str,
        record: Record,
        asked: str,
        outputs: Callable[[], Mapping[str, Any]],
        again: str,
    ) -> None:
        self.place = place
        self.record = record
        self.asked = asked
        self.outputs = outputs
        self.again = again
        self.kube = Kube(record.kubeconfig)
        self.known = load(fixed(place, "addons.yaml"))

    def chosen(self) -> list[AddOn]:
        """Those to install."""
        asked = self.asked or self.record.get("add_ons", "")
        return chosen(self.known, self.outputs(), asked, self.place)

    def _release(self, one: AddOn) -> Release:
        """Its release, with the values as they are now."""
        values = filled(one.values, self.outputs(), f"add-on {one.name}, values")
        file = self.record.values(f"addons/{one.name}.yaml", values)
        path = one.chart.get("path")
        return Release(
            one.name,
            str(ROOT / path) if path else one.chart["name"],
            one.namespace,
            [file],
            self.record.kubeconfig,
            repository=one.chart.get("repository", ""),
            version=one.chart.get("version", ""),
        )

    def check(self) -> str | None:
        """Each that is wanted is installed as this checkout says."""
        wanted = self.chosen()
        if self.asked and self.asked != self.record.get("add_ons"):
            return None
        there = installed(self.record.kubeconfig)
        own = [one for one in wanted if not self._foreign(one, there)]
        if not all(self._current(one, there) for one in own) or self._waiting(own):
            return None
        return self._summary(wanted)

    def _current(self, one: AddOn, there: Mapping[tuple[str, str], Installed]) -> bool:
        found = there.get((one.namespace, one.name))
        return found is not None and found.digest == self._release(one).digest()

    @staticmethod
    def _foreign(one: AddOn, there: Mapping[tuple[str, str], Installed]) -> bool:
        """Whether somebody else has installed it: then it stays as it is."""
        found = there.get((one.namespace, one.name))
        return found is not None and not found.ours

    @staticmethod
    def _summary(wanted: Sequence[AddOn]) -> str:
        return ", ".join(one.name for one in wanted) or "none"

    def action(self, report: Report) -> str:
        """Install each that is not there, and wait until it is up."""
        wanted = self.chosen()
        there = installed(self.record.kubeconfig)
        foreign = []
        for one in wanted:
            if self._foreign(one, there):
                foreign.append(one.name)
                continue
            report(f"{one.name}: {one.about}")
            release = self._release(one)
            if self.kube.find("namespace", one.namespace) is None:
                self.kube.apply(namespace_object(one.namespace, one.pod_security))
            if not self._current(one, there):
                release.upgrade()
            self._wait(one, report)
        if self.asked:
            self.record.set(add_ons=self.asked)
        others = f"; left as they are: {', '.join(foreign)}" if foreign else ""
        return self._summary([one for one in wanted if one.name not in foreign]) + others

    def _wait(self, one: AddOn, report: Report) -> None:
        """Wait until all of it is up.

        Raises:
            UserError: a container of it cannot start, or the time is over.
        """
        for _ in explain.patience(UP, every=2):
            waiting = self._waiting([one])
            if not waiting:
                return
            report(f"{one.name}: waiting for {', '.join(waiting[:3])}")
            selector = f"app.kubernetes.io/instance={one.name}"
            if why := explain.trouble(self.kube, self.kube.list("pods", one.namespace, selector)):
                raise UserError(f"add-on {one.name} does not start:\n{why}", self.again)
        reason = explain.namespace(self.kube, one.namespace)
        raise UserError(
            f"add-on {one.name} was not up within {UP} s: {', '.join(self._waiting([one]))}\n"
            f"{reason}",
            f"{self.again}, or without it: ADDONS=-{one.name}",
        )

    def _waiting(self, wanted: Sequence[AddOn]) -> list[str]:
        """What of them is not up yet."""
        releases = {(one.namespace, one.name) for one in wanted}
        waiting = []
        for obj in self.kube.list(TELLING) if wanted else []:
            marks = obj["metadata"].get("annotations") or {}
            release = (
                marks.get("meta.helm.sh/release-namespace", ""),
                marks.get("meta.helm.sh/release-name", ""),
            )
            if release in releases and not up(obj):
                waiting.append(f"{obj['kind'].lower()}/{obj['metadata']['name']}")
        for one in wanted:
            for text in one.ready:
                kind, *rest = text.split("/")
                namespace = rest[0] if len(rest) == 2 else one.namespace
                found = self.kube.find(kind, rest[-1], namespace)
                if found is None or not up(found):
                    waiting.append(f"{kind}/{rest[-1]}")
        return waiting

    def undo(self, report: Report) -> str:
        """Remove those that were installed from here, last first, and their namespaces."""
        if not self.kube.alive():
            return "no cluster"
        there = installed(self.record.kubeconfig)
        gone = []
        for one in reversed(self.known):
            found = there.get((one.namespace, one.name))
            if found is not None and found.ours:
                report(one.name)
                name = one.name
                Release(name, name, one.namespace, [], self.record.kubeconfig).uninstall()
                gone.append(name)
        for name in dict.fromkeys(one.namespace for one in self.known if one.name in gone):
            space = self.kube.find("namespace", name)
            if space and is_ours(space):
                self.kube.run("delete", "namespace", name, "--ignore-not-found", timeout=300)
        return ", ".join(gone) or "none"
