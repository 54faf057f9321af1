"""Azure, asked by `az`."""

from __future__ import annotations

import fnmatch
import json
import re
import urllib.parse
import urllib.request
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any

from clouds.cli import Cli
from clouds.plan import Change, Nodes
from clouds.provider import Account, Left, Quota, Room
from lib.errors import UserError
from lib.shell import failure

INSTALL = "https://learn.microsoft.com/cli/azure/install-azure-cli"

#: What is needed to make a resource of a type; only what is planned is asked for.
ACTIONS = {
    "azurerm_resource_group": "Microsoft.Resources/subscriptions/resourceGroups/write",
    "azurerm_kubernetes_cluster": "Microsoft.ContainerService/managedClusters/write",
    "azurerm_role_assignment": "Microsoft.Authorization/roleAssignments/write",
    "azurerm_virtual_network": "Microsoft.Network/virtualNetworks/write",
    "azurerm_private_endpoint": "Microsoft.Network/privateEndpoints/write",
    "azurerm_storage_account": "Microsoft.Storage/storageAccounts/write",
    "azurerm_container_registry": "Microsoft.ContainerRegistry/registries/write",
    "azurerm_key_vault": "Microsoft.KeyVault/vaults/write",
    "azurerm_log_analytics_workspace": "Microsoft.OperationalInsights/workspaces/write",
    "azurerm_monitor_workspace": "Microsoft.Monitor/accounts/write",
    "azurerm_dashboard_grafana": "Microsoft.Dashboard/grafana/write",
    "azurerm_managed_redis": "Microsoft.Cache/redisEnterprise/write",
    "azurerm_user_assigned_identity": "Microsoft.ManagedIdentity/userAssignedIdentities/write",
}

#: Names that nobody else in the world may have: the type, and what asks for one.
GLOBAL_NAMES = {
    "azurerm_storage_account": ("storage", "account", "check-name"),
    "azurerm_container_registry": ("acr", "check-name"),
    "azurerm_key_vault": ("keyvault", "check-name"),
}

PRICES = "https://prices.azure.com/api/retail/prices"


class Azure:
    """A subscription: the one that `az` has chosen."""

    name = "azure"
    account_word = "subscription"
    login = "az login"

    def __init__(self) -> None:
        self.az = Cli("az", INSTALL, self.login)

    def programs(self) -> list[tuple[Cli, tuple[int, ...], Sequence[str]]]:
        """`az`, and `kubelogin`, by which kubectl gets a token of Entra's."""
        kubelogin = Cli("kubelogin", "az aks install-cli")
        return [(self.az, (2, 60), ("version",)), (kubelogin, (0, 1), ("--version",))]

    def account(self) -> Account:
        """The chosen subscription, with a login that is still good."""
        found = self.az.json("account", "show", "--output", "json")
        # `show` reads a file; only this asks Entra
        self.az.text("account", "get-access-token", "--output", "none")
        if found.get("state", "Enabled") != "Enabled":
            raise UserError(
                f"subscription {found['name']} is {found['state']}, and takes nothing new",
                "az account set --subscription ANOTHER",
            )
        return Account(found["id"], found["name"], found["user"]["name"])

    def settings(self, account: Account) -> dict[str, str]:
        """The subscription, which the provider wants to be told."""
        return {"ARM_SUBSCRIPTION_ID": account.id}

    def refused(self, account: Account, kinds: Collection[str]) -> list[str] | None:
        """By the roles that the login has on the subscription, through groups too."""
        words = ["--assignee", account.user, "--include-groups", "--include-inherited"]
        listed = self.az.tried(
            "role", "assignment", "list", *words,
            "--scope", f"/subscriptions/{account.id}", "--output", "json",
        )  # fmt: skip
        if listed.returncode != 0:
            return None
        allowed: list[tuple[list[str], list[str]]] = []
        for role in {one["roleDefinitionName"] for one in json.loads(listed.stdout)}:
            for definition in self.az.json(
                "role", "definition", "list", "--name", role, "--output", "json"
            ):
                allowed += [
                    (one.get("actions", []), one.get("notActions", []))
                    for one in definition["permissions"]
                ]
        wanted = sorted({ACTIONS[kind] for kind in kinds if kind in ACTIONS})
        return [
            action
            for action in wanted
            if not any(_any(action, yes) and not _any(action, no) for yes, no in allowed)
        ]

    def room(self, region: str, nodes: Sequence[Nodes], new: Sequence[Change]) -> Room:
        """Cores by family, of the whole region, and of spot."""
        found = Room()
        usage = {
            one["name"]["value"].lower(): one
            for one in self.az.json("vm", "list-usage", "--location", region, "--output", "json")
        }
        sizes: dict[str, tuple[str, float] | None] = {}
        for size in {one.size for one in nodes}:
            sizes[size] = self._size(region, size, found)
        least: dict[str, float] = defaultdict(float)
        most: dict[str, float] = defaultdict(float)
        for one in nodes:
            known = sizes[one.size]
            if known is None:
                continue
            family, cores = known
            for counted in ("lowprioritycores",) if one.spot else (family.lower(), "cores"):
                least[counted] += cores * max(one.least, 1)
                most[counted] += cores * one.most
        found.quotas = [
            Quota(
                usage[name].get("localName", name),
                "vCPUs",
                float(usage[name]["limit"]),
                float(usage[name]["currentValue"]),
                least[name],
                most[name],
                "https://portal.azure.com/#view/Microsoft_Azure_Capacity/QuotaMenuBlade "
                f"(Compute, {region}), or another size or region in the tfvars file",
            )
            for name in least
            if name in usage
        ]
        return found

    def _size(self, region: str, size: str, found: Room) -> tuple[str, float] | None:
        """Family and cores of a size that the subscription may have in a region."""
        listed = self.az.json(
            "vm", "list-skus", "--location", region, "--resource-type", "virtualMachines",
            "--size", size, "--all", "--output", "json", timeout=300,
        )  # fmt: skip
        exact = [one for one in listed or [] if one["name"].lower() == size.lower()]
        if not exact:
            found.missing.append(f"{size} is not to be had in {region}: choose another size there")
            return None
        for limit in exact[0].get("restrictions") or []:
            if limit.get("type") == "Location":
                reason = limit.get("reasonCode", "restricted")
                found.missing.append(
                    f"{size} is not for this subscription in {region} ({reason}): choose another "
                    "size or region, or ask for it by a support request"
                )
                return None
        facts = {one["name"]: one["value"] for one in exact[0]["capabilities"]}
        return exact[0]["family"], float(facts["vCPUs"])

    def taken(self, region: str, new: Sequence[Change]) -> list[str]:
        """Names of storage accounts, registries and vaults are the whole world's."""
        wrong = []
        for one in new:
            words = GLOBAL_NAMES.get(one.kind)
            if words is None or "create" not in one.actions or not one.after.get("name"):
                continue
            found = self.az.json(*words, "--name", one.after["name"], "--output", "json")
            if not found["nameAvailable"]:
                message = found.get("message") or found.get("reason") or "taken"
                wrong.append(
                    f"{one.address}: name {one.after['name']}: {message.strip()} "
                    "(another NAME= makes other names)"
                )
        return wrong

    def price(self, region: str, size: str, spot: bool) -> float | None:
        """By the public list of retail prices, which wants no login."""
        chosen = (
            f"serviceName eq 'Virtual Machines' and armRegionName eq '{region}' "
            f"and armSkuName eq '{size}' and priceType eq 'Consumption'"
        )
        url = f"{PRICES}?{urllib.parse.urlencode({'$filter': chosen})}"
        try:
            with urllib.request.urlopen(url, timeout=5) as answer:  # noqa: S310 - https
                items = json.load(answer)["Items"]
        except (OSError, ValueError, KeyError):
            return None
        found = [
            float(one["retailPrice"])
            for one in items
            if "Windows" not in one["productName"]
            and "Cloud Services" not in one["productName"]
            and "Low Priority" not in one["skuName"]
            and ("Spot" in one["skuName"]) == spot
        ]
        return min(found, default=None)

    def nodes(self, resources: Iterable[Mapping[str, Any]]) -> list[Nodes]:
        """Of the cluster's own pool, and of the others."""
        found = []
        for one in resources:
            values = one["values"]
            if one["type"] == "azurerm_kubernetes_cluster":
                found += [_nodes(pool) for pool in values.get("default_node_pool") or []]
            elif one["type"] == "azurerm_kubernetes_cluster_node_pool":
                found.append(_nodes(values))
        return found

    def owners(self, resources: Iterable[Mapping[str, Any]]) -> set[str]:
        """Subscriptions in the ids of resources."""
        ids = (str(one["values"].get("id") or "") for one in resources)
        found = (re.match(r"/subscriptions/([^/]+)/", one) for one in ids)
        return {one[1] for one in found if one}

    def enter(self, registry: str) -> None:
        """By a token of Entra's, good for some hours."""
        self.az.text("acr", "login", "--name", registry.split(".")[0])

    def has_image(self, registry: str, repository: str, tag: str) -> bool:
        """Whether the registry knows the tag."""
        words = ("--name", registry.split(".")[0], "--image", f"{repository}:{tag}")
        done = self.az.tried("acr", "repository", "show", *words, "--output", "none")
        if done.returncode == 0:
            return True
        if re.search("not found|NotFound|NAME_UNKNOWN|MANIFEST_UNKNOWN", done.stderr):
            return False
        raise failure(["az", "acr", "repository", "show"], done.returncode, done.stderr)

    def password(self, redis: Mapping[str, Any], region: str) -> str:
        """By the command that Terraform gives."""
        shell = Cli("bash", "", self.login)
        return shell.text("-euo", "pipefail", "-c", redis["password_command"]).strip()

    def left(self, deployment: str, region: str) -> list[Left]:
        """Resource groups, and resources outside of them, with the tag."""
        tag = ("--tag", f"rayworks-deployment={deployment}", "--output", "json")
        found = [
            Left(one["id"], f"az group delete --name {one['name']}")
            for one in self.az.json("group", "list", *tag)
        ]
        found += [
            Left(one["id"], f"az resource delete --ids {one['id']}")
            for one in self.az.json("resource", "list", *tag)
        ]
        return found


def _any(action: str, patterns: Iterable[str]) -> bool:
    return any(fnmatch.fnmatch(action.lower(), one.lower()) for one in patterns)


def _nodes(pool: Mapping[str, Any]) -> Nodes:
    count = int(pool.get("node_count") or 0)
    scales = pool.get("auto_scaling_enabled")
    return Nodes(
        str(pool["name"]),
        str(pool["vm_size"]),
        int(pool.get("min_count") or 0) if scales else count,
        int(pool.get("max_count") or 0) if scales else count,
        pool.get("priority") == "Spot",
    )
