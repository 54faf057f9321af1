"""AWS by its own command line, on a server of moto: what is asked before and after a deployment."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from s3_server import KEYS, s3

from clouds.aws import Aws, _class, _removal
from clouds.plan import Change, Nodes

REGION = "us-west-2"
TAGS = "Tags=[{Key=rayworks-deployment,Value=rw}]"


@pytest.fixture(scope="module")
def aws(s3_python: Path) -> Iterator[Aws]:
    """An account in which there is nothing."""
    if shutil.which("aws") is None:
        pytest.skip("the AWS command line is not installed")
    with s3(s3_python) as url, pytest.MonkeyPatch.context() as patch:
        for name, value in {"AWS_ENDPOINT_URL": url, **KEYS}.items():
            patch.setitem(os.environ, name, value)
        for name in ("AWS_REGION", "AWS_DEFAULT_REGION", "AWS_PROFILE"):
            patch.delenv(name, raising=False)
        yield Aws()


@pytest.mark.slow
def test_what_is_asked_before(aws: Aws) -> None:
    account = aws.account()
    assert account.id == "123456789012"
    nodes = [Nodes("cpu", "m5.2xlarge", 1, 3), Nodes("gpu", "g9.huge", 0, 1)]
    vpc = Change("aws_vpc.main", "aws_vpc", ("create",), {})
    room = aws.room(REGION, nodes, [vpc])
    assert room.missing == ["g9.huge is not to be had in us-west-2: choose another size there"]
    # moto knows no quotas of EC2, as a login that may not ask for them
    assert room.unknown == ["on-demand Standard (A, C, D, H, I, M, R, T, Z) instances"]
    (vpcs,) = room.quotas
    assert (vpcs.name, vpcs.limit, vpcs.used, vpcs.least) == ("VPCs", 5, 1, 1)
    aws.aws.text(
        "s3api", "create-bucket", "--bucket", "mine", "--region", REGION,
        "--create-bucket-configuration", f"LocationConstraint={REGION}",
    )  # fmt: skip
    new = [
        Change(f"aws_s3_bucket.{name}", "aws_s3_bucket", ("create",), {"bucket": name})
        for name in ("mine", "free")
    ]
    cluster = Change("aws_eks_cluster.main", "aws_eks_cluster", ("create",), {"name": "rw"})
    (taken,) = aws.taken(REGION, [*new, cluster])
    assert taken.startswith("aws_s3_bucket.mine: bucket mine is in this account already")
    repository = ("--repository-name", "rayworks/ray", "--region", REGION)
    aws.aws.text("ecr", "create-repository", *repository)
    assert not aws.has_image(f"1.dkr.ecr.{REGION}.amazonaws.com", "rayworks/ray", "abc")


@pytest.mark.slow
def test_what_is_left_is_found_by_tag_with_the_command_that_removes_it(aws: Aws) -> None:
    make = ("--region", REGION)
    vpc = aws.aws.json(
        "ec2", "create-vpc", "--cidr-block", "10.0.0.0/16", *make, "--output", "json",
        "--tag-specifications", f"ResourceType=vpc,{TAGS}",
    )["Vpc"]["VpcId"]  # fmt: skip
    owned = "Tags=[{Key=kubernetes.io/cluster/rw,Value=owned}]"
    volume = aws.aws.json(
        "ec2", "create-volume", "--availability-zone", f"{REGION}a", "--size", "1", *make,
        "--output", "json", "--tag-specifications", f"ResourceType=volume,{owned}",
    )["VolumeId"]  # fmt: skip
    key = aws.aws.json(
        "kms", "create-key", "--tags", "TagKey=rayworks-deployment,TagValue=rw", *make,
        "--output", "json",
    )["KeyMetadata"]["KeyId"]  # fmt: skip
    removals = {one.remove for one in aws.left("rw", REGION)}
    assert removals == {
        f"aws ec2 delete-vpc --vpc-id {vpc} --region {REGION}",
        f"aws ec2 delete-volume --volume-id {volume} --region {REGION}",
        "aws kms schedule-key-deletion --pending-window-in-days 7 --key-id "
        f"{key} --region {REGION}",
    }
    for command in removals:
        aws.aws.text(*command.split()[1:])
    # a key goes days after it was told to
    assert aws.left("rw", REGION) == []
    assert aws.left("another", REGION) == []


@pytest.mark.parametrize(
    ("size", "codes"),
    [
        ("m5.2xlarge", ("L-1216C47A", "L-34B43A08")),
        ("t3.medium", ("L-1216C47A", "L-34B43A08")),
        ("inf2.xlarge", ("L-1945791B", "L-B5D1601B")),
        ("i4i.large", ("L-1216C47A", "L-34B43A08")),
        ("g4dn.xlarge", ("L-DB2E81BA", "L-3819A6DF")),
        ("p5.48xlarge", ("L-417A185B", "L-7212CCBC")),
        ("trn1.32xlarge", ("L-2C3B7624", "L-5480EFD2")),
    ],
)
def test_which_quota_counts_a_size(size: str, codes: tuple[str, str]) -> None:
    assert _class(size)[1:] == codes


@pytest.mark.parametrize(
    ("arn", "command"),
    [
        ("arn:aws:s3:::b", "aws s3 rb --force s3://b --region r"),
        (
            "arn:aws:eks:r:1:nodegroup/c/n/uuid",
            "aws eks delete-nodegroup --cluster-name c --nodegroup-name n --region r",
        ),
        ("arn:aws:iam::1:role/path/n", "aws iam delete-role --role-name n"),
        (
            "arn:aws:elasticloadbalancing:r:1:loadbalancer/net/a/b",
            "aws elbv2 delete-load-balancer --load-balancer-arn "
            "arn:aws:elasticloadbalancing:r:1:loadbalancer/net/a/b --region r",
        ),
        (
            "arn:aws:new:r:1:thing/x",
            "look for arn:aws:new:r:1:thing/x in the console: this service has no command known "
            "here",
        ),
    ],
)
def test_how_to_remove_what_is_left(arn: str, command: str) -> None:
    assert _removal(arn, "r") == command
