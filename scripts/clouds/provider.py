"""What is asked of a cloud: before anything is made there, and after it was taken away."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from clouds.cli import Cli
from clouds.plan import Change, Nodes


@dataclass(frozen=True, slots=True)
class Account:
    """Who is logged in, and where.

    Args:
        id: of the subscription or account.
        name: how a user knows it.
        user: the user, role or service principal.
    """

    id: str
    name: str
    user: str


@dataclass(frozen=True, slots=True)
class Quota:
    """How much of something a region still gives.

    Args:
        name: as the cloud calls it.
        unit: what is counted.
        limit: how much there may be.
        used: how much there is.
        least: how much the deployment takes at once, and for one node of each of its pools.
        most: how much it takes when all pools are full.
        raise_by: what to do where it is too small.
    """

    name: str
    unit: str
    limit: float
    used: float
    least: float
    most: float
    raise_by: str

    @property
    def free(self) -> float:
        """What is left."""
        return self.limit - self.used

    def __str__(self) -> str:
        return f"{self.name}: {self.least:g} to {self.most:g} of {self.free:g} free {self.unit}"


@dataclass(frozen=True, slots=True)
class Left:
    """Something that is there still.

    Args:
        what: its id.
        remove: the command that takes it away.
    """

    what: str
    remove: str

    def __str__(self) -> str:
        return f"{self.what}\n      {self.remove}"


@dataclass(slots=True)
class Room:
    """Whether there is room for nodes.

    Args:
        quotas: those that matter, in which the nodes are counted.
        missing: sizes that cannot be had, each with the reason.
        unknown: quotas that this login may not ask for.
    """

    quotas: list[Quota] = field(default_factory=list)
    missing: list[str] = field(default_factory=list)
    unknown: list[str] = field(default_factory=list)


class Provider(Protocol):
    """A cloud, asked by its own command line."""

    name: str
    #: How it calls what bills are sent to.
    account_word: str
    #: How to log in.
    login: str

    def programs(self) -> Sequence[tuple[Cli, tuple[int, ...], Sequence[str]]]:
        """Programs, the oldest version of each that will do, and what makes it print its own."""

    def account(self) -> Account:
        """Who is logged in.

        Raises:
            UserError: nobody.
        """

    def settings(self, account: Account) -> Mapping[str, str]:
        """What Terraform's provider wants in its environment."""

    def refused(self, account: Account, kinds: Collection[str]) -> list[str] | None:
        """Actions that the login may not do, of those that resources of these types take.

        None where it may not ask either.
        """

    def room(self, region: str, nodes: Sequence[Nodes], new: Sequence[Change]) -> Room:
        """Whether a region has room for nodes, and for what else is counted."""

    def taken(self, region: str, new: Sequence[Change]) -> list[str]:
        """Names of new resources that somebody has already, each with the way out."""

    def price(self, region: str, size: str, spot: bool) -> float | None:
        """What an hour of a node costs today, in USD; None where that cannot be asked."""

    def nodes(self, resources: Iterable[Mapping[str, Any]]) -> list[Nodes]:
        """Nodes that planned resources make by themselves."""

    def owners(self, resources: Iterable[Mapping[str, Any]]) -> set[str]:
        """Ids of the accounts that resources of a state are in."""

    def enter(self, registry: str) -> None:
        """Log Docker in to a registry."""

    def has_image(self, registry: str, repository: str, tag: str) -> bool:
        """Whether a registry has an image."""

    def password(self, redis: Mapping[str, Any], region: str) -> str:
        """Password of a Redis that the cloud runs, by what Terraform says of it."""

    def left(self, deployment: str, region: str) -> list[Left]:
        """What carries the deployment's tag still."""
