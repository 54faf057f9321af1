"""AWS, asked by `aws`."""

from __future__ import annotations

import json
import os
import re
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any

from clouds.cli import Cli
from clouds.plan import Change, Nodes
from clouds.provider import Account, Left, Quota, Room
from lib.shell import failure

INSTALL = "https://docs.aws.amazon.com/cli/latest/userguide/getting-started-install.html"

#: What is needed to make a resource of a type; only what is planned is asked for.
ACTIONS = {
    "aws_vpc": "ec2:CreateVpc",
    "aws_nat_gateway": "ec2:CreateNatGateway",
    "aws_vpc_endpoint": "ec2:CreateVpcEndpoint",
    "aws_eks_cluster": "eks:CreateCluster",
    "aws_eks_node_group": "eks:CreateNodegroup",
    "aws_eks_access_entry": "eks:CreateAccessEntry",
    "aws_eks_pod_identity_association": "eks:CreatePodIdentityAssociation",
    "aws_iam_role": "iam:CreateRole",
    "aws_iam_policy": "iam:CreatePolicy",
    "aws_iam_role_policy": "iam:PutRolePolicy",
    "aws_iam_role_policy_attachment": "iam:AttachRolePolicy",
    "aws_kms_key": "kms:CreateKey",
    "aws_s3_bucket": "s3:CreateBucket",
    "aws_ecr_repository": "ecr:CreateRepository",
    "aws_efs_file_system": "elasticfilesystem:CreateFileSystem",
    "aws_fsx_lustre_file_system": "fsx:CreateFileSystem",
    "aws_memorydb_cluster": "memorydb:CreateCluster",
    "aws_sqs_queue": "sqs:CreateQueue",
    "aws_cloudwatch_log_group": "logs:CreateLogGroup",
    "aws_sfn_state_machine": "states:CreateStateMachine",
    "aws_prometheus_workspace": "aps:CreateWorkspace",
    "aws_grafana_workspace": "grafana:CreateWorkspace",
}

#: Quotas of running vCPUs: class of instances, code on demand, code of spot.
STANDARD = ("Standard (A, C, D, H, I, M, R, T, Z)", "L-1216C47A", "L-34B43A08")
CLASSES = {
    "g": ("G and VT", "L-DB2E81BA", "L-3819A6DF"),
    "vt": ("G and VT", "L-DB2E81BA", "L-3819A6DF"),
    "p": ("P", "L-417A185B", "L-7212CCBC"),
    "dl": ("DL", "L-6E869C2A", "L-85EED4F7"),
    "inf": ("Inf", "L-1945791B", "L-B5D1601B"),
    "trn": ("Trn", "L-2C3B7624", "L-5480EFD2"),
    "x": ("X", "L-7295265B", "L-E3A00192"),
    "f": ("F", "L-74FC7D96", "L-88CF9481"),
}

#: Quotas that are counted by resource: type, service, code, name, and how many there are.
COUNTED = (
    ("aws_vpc", "vpc", "L-F678F1CE", "VPCs", ("ec2", "describe-vpcs", "--query", "Vpcs[].VpcId")),
    (
        "aws_eip", "ec2", "L-0263D0A3", "Elastic IP addresses",
        ("ec2", "describe-addresses", "--query", "Addresses[].PublicIp"),
    ),
)  # fmt: skip


class Aws:
    """An account: that of the credentials that `aws` finds."""

    name = "aws"
    account_word = "account"
    login = "aws sso login, or aws configure, and AWS_PROFILE where there are several"

    def __init__(self) -> None:
        self.aws = Cli("aws", INSTALL, self.login, {"AWS_PAGER": ""})

    def programs(self) -> list[tuple[Cli, tuple[int, ...], Sequence[str]]]:
        """`aws`, by which kubectl gets its token too."""
        return [(self.aws, (1, 24), ("--version",))]

    def _ask(self, *words: str, region: str = "") -> Any:
        where = ["--region", region] if region else []
        return self.aws.json(*words, *where, "--output", "json")

    def _any_region(self) -> str:
        """A region for questions that have none, where the user has set none either."""
        if os.environ.get("AWS_REGION") or os.environ.get("AWS_DEFAULT_REGION"):
            return ""
        configured = self.aws.tried("configure", "get", "region").stdout.strip()
        return "" if configured else "us-east-1"

    def account(self) -> Account:
        """Who the credentials are of."""
        found = self._ask("sts", "get-caller-identity", region=self._any_region())
        return Account(found["Account"], found["Account"], found["Arn"])

    def settings(self, account: Account) -> dict[str, str]:
        """Nothing: the provider finds the same credentials."""
        return {}

    def refused(self, account: Account, kinds: Collection[str]) -> list[str] | None:
        """By simulation; the account's root may do all."""
        if account.user.endswith(":root"):
            return []
        wanted = sorted({ACTIONS[kind] for kind in kinds if kind in ACTIONS})
        if not wanted:
            return []
        source = account.user
        if role := re.fullmatch(r"arn:[^:]+:sts::\d+:assumed-role/([^/]+)/.*", account.user):
            found = self.aws.tried("iam", "get-role", "--role-name", role[1], "--output", "json")
            if found.returncode != 0:
                return None
            source = json.loads(found.stdout)["Role"]["Arn"]
        done = self.aws.tried(
            "iam", "simulate-principal-policy", "--policy-source-arn", source,
            "--action-names", *wanted, "--output", "json",
        )  # fmt: skip
        if done.returncode != 0:
            return None
        results = json.loads(done.stdout)["EvaluationResults"]
        return [one["EvalActionName"] for one in results if one["EvalDecision"] != "allowed"]

    def room(self, region: str, nodes: Sequence[Nodes], new: Sequence[Change]) -> Room:
        """Cores by class of instances, on demand and spot; VPCs and public addresses."""
        found = Room()
        sizes = sorted({one.size for one in nodes})
        cores = self._cores(region, sizes, found)
        least: dict[tuple[str, str, bool], float] = defaultdict(float)
        most: dict[tuple[str, str, bool], float] = defaultdict(float)
        for one in nodes:
            if one.size in cores:
                title, normal, spot = _class(one.size)
                key = (title, spot if one.spot else normal, one.spot)
                least[key] += cores[one.size] * max(one.least, 1)
                most[key] += cores[one.size] * one.most
        running = self._running(region) if least else {}
        for (title, code, is_spot), amount in least.items():
            name = f"{'spot' if is_spot else 'on-demand'} {title} instances"
            self._count(
                found, region, ("ec2", code, name, "vCPUs"), running.get(code, 0.0),
                amount, most[title, code, is_spot],
            )  # fmt: skip
        for kind, service, code, name, words in COUNTED:
            wanted = sum(1 for one in new if one.kind == kind and "create" in one.actions)
            if wanted:
                used = len(self._ask(*words, region=region) or [])
                self._count(found, region, (service, code, name, ""), used, wanted, wanted)
        return found

    def _cores(self, region: str, sizes: Sequence[str], found: Room) -> dict[str, float]:
        if not sizes:
            return {}
        offered = self._ask(
            "ec2", "describe-instance-type-offerings", "--location-type", "region",
            "--filters", f"Name=instance-type,Values={','.join(sizes)}", region=region,
        )  # fmt: skip
        there = sorted(one["InstanceType"] for one in offered["InstanceTypeOfferings"])
        found.missing += [
            f"{size} is not to be had in {region}: choose another size there"
            for size in sizes
            if size not in there
        ]
        if not there:
            return {}
        told = self._ask(
            "ec2", "describe-instance-types", "--instance-types", *there, region=region
        )
        return {
            one["InstanceType"]: float(one["VCpuInfo"]["DefaultVCpus"])
            for one in told["InstanceTypes"]
        }

    def _running(self, region: str) -> dict[str, float]:
        """Cores that run, by the code of their quota."""
        states = "Name=instance-state-name,Values=pending,running"
        found = self._ask("ec2", "describe-instances", "--filters", states, region=region)
        used: dict[str, float] = defaultdict(float)
        for reservation in found["Reservations"]:
            for one in reservation["Instances"]:
                _, normal, spot = _class(one["InstanceType"])
                options = one.get("CpuOptions", {})
                cores = options.get("CoreCount", 0) * options.get("ThreadsPerCore", 1)
                used[spot if one.get("InstanceLifecycle") == "spot" else normal] += cores
        return used

    def _count(
        self,
        found: Room,
        region: str,
        quota: tuple[str, str, str, str],
        used: float,
        least: float,
        most: float,
    ) -> None:
        """Add what a quota (service, code, name, unit) leaves to what was found."""
        service, code, name, unit = quota
        limit = self._limit(region, service, code)
        if limit is None:
            found.unknown.append(name)
            return
        how = (
            f"https://{region}.console.aws.amazon.com/servicequotas/home/services/{service}/quotas/"
            f"{code}, or another size or region in the tfvars file"
        )
        found.quotas.append(Quota(name, unit, limit, used, least, most, how))

    def _limit(self, region: str, service: str, code: str) -> float | None:
        """The account's, or the default where it was never changed; None: may not be asked."""
        options = ("--service-code", service, "--quota-code", code, "--region", region)
        for word in ("get-service-quota", "get-aws-default-service-quota"):
            done = self.aws.tried("service-quotas", word, *options, "--output", "json")
            if done.returncode == 0:
                return float(json.loads(done.stdout)["Quota"]["Value"])
        return None

    def taken(self, region: str, new: Sequence[Change]) -> list[str]:
        """Names of buckets are the whole world's, those of clusters the account's."""
        wrong = []
        for one in new:
            if "create" not in one.actions:
                continue
            if one.kind == "aws_s3_bucket" and (name := one.after.get("bucket")):
                done = self.aws.tried("s3api", "head-bucket", "--bucket", name, "--region", region)
                if done.returncode == 0:
                    wrong.append(
                        f"{one.address}: bucket {name} is in this account already, and this state "
                        f"does not know it: terraform import {one.address} {name}, or another NAME="
                    )
                elif "403" in done.stderr or "Forbidden" in done.stderr:
                    wrong.append(f"{one.address}: bucket {name} is somebody else's: another NAME=")
            if one.kind == "aws_eks_cluster" and (name := one.after.get("name")):
                done = self.aws.tried("eks", "describe-cluster", "--name", name, "--region", region)
                if done.returncode == 0:
                    wrong.append(
                        f"{one.address}: cluster {name} is in {region} already, and this state "
                        "does not know it: deploy from the checkout that made it, or another NAME="
                    )
        return wrong

    def price(self, region: str, size: str, spot: bool) -> float | None:
        """By the price list on demand, by the latest price of spot."""
        if spot:
            done = self.aws.tried(
                "ec2", "describe-spot-price-history", "--instance-types", size,
                "--product-descriptions", "Linux/UNIX", "--max-items", "1",
                "--region", region, "--output", "json",
            )  # fmt: skip
            if done.returncode != 0:
                return None
            history = json.loads(done.stdout).get("SpotPriceHistory") or []
            return float(history[0]["SpotPrice"]) if history else None
        chosen = {
            "instanceType": size,
            "regionCode": region,
            "operatingSystem": "Linux",
            "tenancy": "Shared",
            "preInstalledSw": "NA",
            "capacitystatus": "Used",
        }
        filters = [f"Type=TERM_MATCH,Field={key},Value={value}" for key, value in chosen.items()]
        done = self.aws.tried(
            "pricing", "get-products", "--service-code", "AmazonEC2", "--filters", *filters,
            "--region", "us-east-1", "--output", "json",
        )  # fmt: skip
        if done.returncode != 0:
            return None
        for text in json.loads(done.stdout).get("PriceList") or []:
            for term in json.loads(text)["terms"].get("OnDemand", {}).values():
                for dimension in term["priceDimensions"].values():
                    return float(dimension["pricePerUnit"]["USD"])
        return None

    def nodes(self, resources: Iterable[Mapping[str, Any]]) -> list[Nodes]:
        """Of node groups."""
        found = []
        for one in resources:
            values = one["values"]
            if one["type"] != "aws_eks_node_group":
                continue
            scaling = values["scaling_config"][0]
            sizes = values.get("instance_types") or ["t3.medium"]
            found.append(
                Nodes(
                    str(values.get("node_group_name") or values.get("node_group_name_prefix")),
                    str(sizes[0]),
                    max(int(scaling["min_size"]), int(scaling["desired_size"])),
                    int(scaling["max_size"]),
                    values.get("capacity_type") == "SPOT",
                )
            )
        return found

    def owners(self, resources: Iterable[Mapping[str, Any]]) -> set[str]:
        """Accounts in the ARNs of resources."""
        arns = (str(one["values"].get("arn") or "") for one in resources)
        found = (re.match(r"arn:[^:]+:[^:]+:[^:]*:(\d{12}):", one) for one in arns)
        return {one[1] for one in found if one}

    def enter(self, registry: str) -> None:
        """By a token that is good for twelve hours."""
        region = registry.split(".")[3] if registry.count(".") > 3 else ""
        where = ["--region", region] if region else []
        password = self.aws.text("ecr", "get-login-password", *where)
        docker = Cli("docker", "https://docs.docker.com/engine/install")
        words = ("login", "--username", "AWS", "--password-stdin", registry)
        docker.text(*words, input_text=password)

    def has_image(self, registry: str, repository: str, tag: str) -> bool:
        """Whether the repository has the tag."""
        region = registry.split(".")[3] if registry.count(".") > 3 else ""
        where = ["--region", region] if region else []
        done = self.aws.tried(
            "ecr", "describe-images", "--repository-name", repository,
            "--image-ids", f"imageTag={tag}", *where, "--output", "json",
        )  # fmt: skip
        if done.returncode == 0:
            return True
        if "ImageNotFound" in done.stderr:
            return False
        raise failure(["aws", "ecr", "describe-images"], done.returncode, done.stderr)

    def password(self, redis: Mapping[str, Any], region: str) -> str:
        """From Secrets Manager."""
        return self.aws.text(
            "secretsmanager", "get-secret-value", "--secret-id", redis["secret"],
            "--query", "SecretString", "--region", region, "--output", "text",
        ).strip()  # fmt: skip

    def left(self, deployment: str, region: str) -> list[Left]:
        """What has the tag, and volumes that the cluster's driver made."""
        arns = {
            one["ResourceARN"]
            for one in self._ask(
                "resourcegroupstaggingapi", "get-resources", "--tag-filters",
                f"Key=rayworks-deployment,Values={deployment}", region=region,
            )["ResourceTagMappingList"]
        }  # fmt: skip
        owned = f"Name=tag:kubernetes.io/cluster/{deployment},Values=owned"
        volumes = self._ask(
            "ec2", "describe-volumes", "--filters", owned, "--query", "Volumes[].VolumeId",
            region=region,
        )  # fmt: skip
        found = [Left(arn, _removal(arn, region)) for arn in sorted(arns)]
        known = " ".join(arns)
        found += [
            Left(one, f"aws ec2 delete-volume --volume-id {one} --region {region}")
            for one in volumes or []
            if one not in known
        ]
        return [one for one in found if not self._going(one.what, region)]

    def _going(self, arn: str, region: str) -> bool:
        """Whether it is gone, or about to go: tags outlive what they are on by some hours."""
        if ":kms:" in arn and ":key/" in arn:
            key = self.aws.tried(
                "kms", "describe-key", "--key-id", arn, "--query", "KeyMetadata.KeyState",
                "--region", region, "--output", "text",
            )  # fmt: skip
            return key.returncode != 0 or key.stdout.strip() == "PendingDeletion"
        for kind, (word, option) in _DESCRIBED.items():
            if f":{kind}/" in arn:
                name = arn.rpartition("/")[2]
                done = self.aws.tried("ec2", word, option, name, "--region", region)
                return "NotFound" in done.stderr or _ENDED.search(done.stdout) is not None
        return False


#: What tells whether something of EC2's is still there.
_DESCRIBED = {
    "natgateway": ("describe-nat-gateways", "--nat-gateway-ids"),
    "instance": ("describe-instances", "--instance-ids"),
    "vpc-endpoint": ("describe-vpc-endpoints", "--vpc-endpoint-ids"),
}
_ENDED = re.compile(r'"(?:State|Name)": "(?:deleted|deleting|terminated)"')

#: How to remove what an ARN names: the part of the ARN, and the command.
_REMOVE = {
    r":s3:::(.+)": "aws s3 rb --force s3://{0}",
    r":ec2:.*:vpc/(.+)": "aws ec2 delete-vpc --vpc-id {0}",
    r":ec2:.*:subnet/(.+)": "aws ec2 delete-subnet --subnet-id {0}",
    r":ec2:.*:security-group/(.+)": "aws ec2 delete-security-group --group-id {0}",
    r":ec2:.*:network-interface/(.+)": "aws ec2 delete-network-interface "
    "--network-interface-id {0}",
    r":ec2:.*:natgateway/(.+)": "aws ec2 delete-nat-gateway --nat-gateway-id {0}",
    r":ec2:.*:elastic-ip/(.+)": "aws ec2 release-address --allocation-id {0}",
    r":ec2:.*:volume/(.+)": "aws ec2 delete-volume --volume-id {0}",
    r":ec2:.*:instance/(.+)": "aws ec2 terminate-instances --instance-ids {0}",
    r":ec2:.*:vpc-endpoint/(.+)": "aws ec2 delete-vpc-endpoints --vpc-endpoint-ids {0}",
    r":eks:.*:cluster/(.+)": "aws eks delete-cluster --name {0}",
    r":eks:.*:nodegroup/([^/]+)/([^/]+)/": "aws eks delete-nodegroup --cluster-name {0} "
    "--nodegroup-name {1}",
    r":elasticloadbalancing:.*:loadbalancer/.+": "aws elbv2 delete-load-balancer "
    "--load-balancer-arn {arn}",
    r":elasticfilesystem:.*:file-system/(.+)": "aws efs delete-file-system --file-system-id {0}",
    r":fsx:.*:file-system/(.+)": "aws fsx delete-file-system --file-system-id {0}",
    r":ecr:.*:repository/(.+)": "aws ecr delete-repository --force --repository-name {0}",
    r":kms:.*:key/(.+)": "aws kms schedule-key-deletion --pending-window-in-days 7 --key-id {0}",
    r":logs:.*:log-group:([^:]+)": "aws logs delete-log-group --log-group-name {0}",
    r":iam::.*:role/(?:.+/)?(.+)": "aws iam delete-role --role-name {0}",
    r":iam::.*:policy/.+": "aws iam delete-policy --policy-arn {arn}",
    r":memorydb:.*:cluster/(.+)": "aws memorydb delete-cluster --cluster-name {0}",
    r":secretsmanager:.*": "aws secretsmanager delete-secret --secret-id {arn}",
}


def _removal(arn: str, region: str) -> str:
    for pattern, command in _REMOVE.items():
        if found := re.search(pattern, arn):
            where = "" if ":iam::" in arn else f" --region {region}"
            return command.format(*found.groups(), arn=arn) + where
    return f"look for {arn} in the console: this service has no command known here"


def _class(size: str) -> tuple[str, str, str]:
    """Class of an instance type, and the codes of its quotas."""
    letters = re.match("[a-z]+", size)
    family = letters[0] if letters else ""
    for prefix in sorted(CLASSES, key=len, reverse=True):
        if family.startswith(prefix):
            return CLASSES[prefix]
    return STANDARD
