"""What there is in the AWS account on this machine, as JSON: names by kind.

Run by the interpreter that has moto, with the server's URL and a region as arguments. What every
account has from the start (default VPC, policies of AWS) is left out.
"""

from __future__ import annotations

import json
import sys
from typing import Any

import boto3

url, region = sys.argv[1:]


def ask(service: str, operation: str, *path: str, **options: Any) -> list[Any]:
    """All that an operation lists, at a path into its answer."""
    client = boto3.client(
        service, endpoint_url=url, region_name=region, aws_access_key_id="key",
        aws_secret_access_key="secret",
    )  # fmt: skip
    found = getattr(client, operation)(**options)
    for part in path:
        found = found[part]
    return list(found)


def names(items: list[Any], key: str) -> list[str]:
    """One attribute of each."""
    return sorted(str(item[key]) for item in items)


def standing(items: list[Any], key: str) -> list[str]:
    """The same of those that are not deleted: some are listed for a while longer."""
    return names([one for one in items if one["State"] not in ("deleted", "deleting")], key)


vpcs = [one for one in ask("ec2", "describe_vpcs", "Vpcs") if not one["IsDefault"]]
of_ours = [{"Name": "vpc-id", "Values": [one["VpcId"] for one in vpcs] or ["none"]}]
keys = [
    boto3.client(
        "kms", endpoint_url=url, region_name=region, aws_access_key_id="key",
        aws_secret_access_key="secret",
    ).describe_key(KeyId=one["KeyId"])["KeyMetadata"]
    for one in ask("kms", "list_keys", "Keys")
]  # fmt: skip
roles = [
    one for one in ask("iam", "list_roles", "Roles") if not one["Path"].startswith("/aws-service-")
]
systems = ask("fsx", "describe_file_systems", "FileSystems")
repositories = ask("ecr", "describe_repositories", "repositories")

found = {
    "VPCs": names(vpcs, "VpcId"),
    "subnets": names(ask("ec2", "describe_subnets", "Subnets", Filters=of_ours), "SubnetId"),
    "security groups": names(
        ask("ec2", "describe_security_groups", "SecurityGroups", Filters=of_ours), "GroupName"
    ),
    "addresses": names(ask("ec2", "describe_addresses", "Addresses"), "AllocationId"),
    "NAT gateways": standing(ask("ec2", "describe_nat_gateways", "NatGateways"), "NatGatewayId"),
    "VPC endpoints": standing(
        ask("ec2", "describe_vpc_endpoints", "VpcEndpoints"), "VpcEndpointId"
    ),
    "flow logs": names(ask("ec2", "describe_flow_logs", "FlowLogs"), "FlowLogId"),
    "launch templates": names(
        ask("ec2", "describe_launch_templates", "LaunchTemplates"), "LaunchTemplateName"
    ),
    "clusters": ask("eks", "list_clusters", "clusters"),
    "roles": names(roles, "RoleName"),
    "keys": [one["KeyId"] for one in keys if one["KeyState"] != "PendingDeletion"],
    "buckets": names(ask("s3", "list_buckets", "Buckets"), "Name"),
    "Lustre": names(systems, "FileSystemId"),
    "EFS": names(ask("efs", "describe_file_systems", "FileSystems"), "FileSystemId"),
    "repositories": names(repositories, "repositoryName"),
    "MemoryDB": names(ask("memorydb", "describe_clusters", "Clusters"), "Name"),
    "ACLs": names(ask("memorydb", "describe_acls", "ACLs"), "Name"),
    "secrets": names(ask("secretsmanager", "list_secrets", "SecretList"), "Name"),
    "queues": ask("sqs", "list_queues").count("QueueUrls"),
    "rules": names(ask("events", "list_rules", "Rules"), "Name"),
    "log groups": names(ask("logs", "describe_log_groups", "logGroups"), "logGroupName"),
    "state machines": names(ask("stepfunctions", "list_state_machines", "stateMachines"), "name"),
    "Prometheus": names(ask("amp", "list_workspaces", "workspaces"), "workspaceId"),
    "budgets": names(
        ask("budgets", "describe_budgets", "Budgets", AccountId="123456789012"), "BudgetName"
    ),
}
print(json.dumps({kind: what for kind, what in found.items() if what}, indent=2))
