"""An AWS account on this machine: moto's server, and what of Terraform's resources moto lacks.

Run by the interpreter that has moto, with the port as argument. What is added here was found by
applying terraform/eks to moto alone; each addition remembers what it was told and no more:

EKS         access entries and their policies, add-ons, pod identity associations, the security
            group that comes with a cluster, some of its settings and of node groups'
EC2         what tags a launch template gives, without those that it has
AMP         the key of a workspace
FSx         that a file system gets available, and its version; data repository associations
EFS         a backup policy that is set, deleting the policy of a file system
MemoryDB    access control lists, a cluster's engine
Budgets     who is written to, and tags
Route 53    that ids of zones begin with a Z
States      the validation of a definition, by moto's own parser of them
"""

from __future__ import annotations

import json
import os
import sys
import uuid
from typing import Any
from urllib.parse import unquote

os.environ["MOTO_IAM_LOAD_MANAGED_POLICIES"] = "true"


from moto.amp import models as amp_models
from moto.amp.responses import PrometheusServiceResponse
from moto.budgets.responses import BudgetsResponse
from moto.core.exceptions import JsonRESTError
from moto.core.responses import ActionResult, BaseResponse, EmptyResult
from moto.core.utils import utcnow
from moto.ec2.models import ec2_backends
from moto.ec2.responses.launch_templates import LaunchTemplates
from moto.efs.responses import EFSResponse
from moto.eks import models as eks_models
from moto.eks import urls as eks_urls
from moto.eks.exceptions import ResourceNotFoundException
from moto.eks.responses import EKSResponse
from moto.fsx import models as fsx_models
from moto.fsx.responses import FSxResponse
from moto.memorydb import models as memorydb_models
from moto.memorydb.responses import MemoryDBResponse
from moto.route53 import models as route53_models
from moto.stepfunctions.parser.asl.parse.asl_parser import AmazonStateLanguageParser
from moto.stepfunctions.responses import StepFunctionResponse

Json = dict[str, Any]

#: What the additions remember, by kind and by key.
KEPT: dict[str, dict[str, Json]] = {}

#: Tags of access control lists, by ARN, and of budgets, by name.
TAGS: dict[str, list[dict[str, str]]] = {}


def _kept(kind: str, key: str) -> Json:
    try:
        return KEPT.setdefault(kind, {})[key]
    except KeyError:
        raise ResourceNotFoundException(
            clusterName=None, nodegroupName=None, addonName=None, message=f"no {kind} {key}"
        ) from None


def _body(self: Any) -> Json:
    return json.loads(self.body) if self.body else {}


def _uri(self: Any, name: str) -> str:
    return unquote(self.uri_match[name])


def _arn(self: Any, service: str, rest: str) -> str:
    return f"arn:aws:{service}:{self.region}:{self.current_account}:{rest}"


def _telling(describe: Any, key: str, attribute: str) -> Any:
    """A to_dict that tells one more attribute, where it is set."""

    def to_dict(self: Any) -> Json:
        value = getattr(self, attribute)
        return {**describe(self), **({key: value} if value else {})}

    return to_dict


def _saying_what_is_missing(call: Any) -> Any:
    def call_action(self: Any) -> Any:
        try:
            return call(self)
        except NotImplementedError as error:
            # moto's own answer is 500, which clients try again for minutes.
            return 501, {}, f"{self.service_name}: {error}"

    return call_action


BaseResponse.call_action = _saying_what_is_missing(BaseResponse.call_action)


# EKS: the name that a cluster's security group has, and what is under a cluster.


def _with_security_group(create: Any) -> Any:
    def create_cluster(self: Any, **options: Any) -> Any:
        ec2 = ec2_backends[self.account_id][self.region_name]
        vpc = options["resources_vpc_config"]
        subnet = ec2.get_subnet(vpc["subnetIds"][0])
        group = ec2.create_security_group(
            f"eks-cluster-sg-{options['name']}", "EKS", subnet.vpc_id,
            tags={"aws:eks:cluster-name": options["name"]},
        )  # fmt: skip
        vpc |= {"vpcId": subnet.vpc_id, "clusterSecurityGroupId": group.id}
        cluster = create(self, **options)
        cluster.security_group = group
        return cluster

    return create_cluster


def _without_security_group(delete: Any) -> Any:
    def delete_cluster(self: Any, name: str) -> Any:
        cluster = delete(self, name)
        ec2 = ec2_backends[self.account_id][self.region_name]
        ec2.delete_security_group(group_id=cluster.security_group.id)
        return cluster

    return delete_cluster


def _remembering(create: Any) -> Any:
    def create_cluster(self: Any) -> Any:
        result = create(self)
        asked, cluster = _body(self), self.eks_backend.clusters[_body(self)["name"]]
        cluster.access_config = asked.get("accessConfig")
        cluster.upgrade_policy = asked.get("upgradePolicy")
        cluster.zonal_shift_config = asked.get("zonalShiftConfig")
        return result

    return create_cluster


def _as_asked(create: Any) -> Any:
    def create_nodegroup(self: Any) -> Any:
        result, asked = create(self), _body(self)
        group = self.eks_backend.clusters[_uri(self, "name")].nodegroups[asked["nodegroupName"]]
        # moto has a disk and a key of its own for who asks for none.
        group.disk_size = asked.get("diskSize")
        group.remote_access = asked.get("remoteAccess")
        group.update_config = asked.get("updateConfig")
        group.node_repair_config = asked.get("nodeRepairConfig")
        return result

    return create_nodegroup


EKSResponse.create_cluster = _remembering(EKSResponse.create_cluster)
EKSResponse.create_nodegroup = _as_asked(EKSResponse.create_nodegroup)
eks_models.EKSBackend.create_cluster = _with_security_group(eks_models.EKSBackend.create_cluster)
eks_models.EKSBackend.delete_cluster = _without_security_group(eks_models.EKSBackend.delete_cluster)


def _access_entry_key(self: Any) -> str:
    return f"{_uri(self, 'name')} {_uri(self, 'principalArn')}"


def create_access_entry(self: Any) -> ActionResult:
    """POST /clusters/{name}/access-entries."""
    asked, cluster = _body(self), _uri(self, "name")
    entry = {
        "clusterName": cluster,
        "principalArn": asked["principalArn"],
        "kubernetesGroups": asked.get("kubernetesGroups", []),
        "accessEntryArn": _arn(self, "eks", f"access-entry/{cluster}/{uuid.uuid4()}"),
        "createdAt": utcnow(),
        "modifiedAt": utcnow(),
        "tags": asked.get("tags", {}),
        "username": asked.get("username", asked["principalArn"]),
        "type": asked.get("type", "STANDARD"),
    }
    KEPT.setdefault("access entry", {})[f"{cluster} {asked['principalArn']}"] = entry
    return ActionResult({"accessEntry": entry})


def describe_access_entry(self: Any) -> ActionResult:
    """GET /clusters/{name}/access-entries/{principalArn}."""
    return ActionResult({"accessEntry": _kept("access entry", _access_entry_key(self))})


def delete_access_entry(self: Any) -> ActionResult:
    """DELETE /clusters/{name}/access-entries/{principalArn}."""
    _kept("access entry", _access_entry_key(self))
    del KEPT["access entry"][_access_entry_key(self)]
    return EmptyResult()


def associate_access_policy(self: Any) -> ActionResult:
    """POST …/access-entries/{principalArn}/access-policies."""
    entry, asked = _kept("access entry", _access_entry_key(self)), _body(self)
    policy = {
        "policyArn": asked["policyArn"],
        "accessScope": asked["accessScope"],
        "associatedAt": utcnow(),
        "modifiedAt": utcnow(),
    }
    entry.setdefault("policies", {})[asked["policyArn"]] = policy
    names = {key: entry[key] for key in ("clusterName", "principalArn")}
    return ActionResult({**names, "associatedAccessPolicy": policy})


def list_associated_access_policies(self: Any) -> ActionResult:
    """GET …/access-entries/{principalArn}/access-policies."""
    entry = _kept("access entry", _access_entry_key(self))
    found = list(entry.get("policies", {}).values())
    names = {key: entry[key] for key in ("clusterName", "principalArn")}
    return ActionResult({**names, "associatedAccessPolicies": found})


def disassociate_access_policy(self: Any) -> ActionResult:
    """DELETE …/access-policies/{policyArn}."""
    entry = _kept("access entry", _access_entry_key(self))
    entry.get("policies", {}).pop(_uri(self, "policyArn"), None)
    return EmptyResult()


def create_addon(self: Any) -> ActionResult:
    """POST /clusters/{name}/addons."""
    asked, cluster = _body(self), _uri(self, "name")
    name = asked["addonName"]
    addon = {
        "addonName": name,
        "clusterName": cluster,
        "status": "ACTIVE",
        "addonVersion": asked.get("addonVersion", "v1.0.0-eksbuild.1"),
        "health": {"issues": []},
        "addonArn": _arn(self, "eks", f"addon/{cluster}/{name}/{uuid.uuid4()}"),
        "createdAt": utcnow(),
        "modifiedAt": utcnow(),
        "tags": asked.get("tags", {}),
        "configurationValues": asked.get("configurationValues", ""),
    }
    KEPT.setdefault("add-on", {})[f"{cluster} {name}"] = addon
    return ActionResult({"addon": addon})


def describe_addon(self: Any) -> ActionResult:
    """GET /clusters/{name}/addons/{addonName}."""
    return ActionResult(
        {"addon": _kept("add-on", f"{_uri(self, 'name')} {_uri(self, 'addonName')}")}
    )


def delete_addon(self: Any) -> ActionResult:
    """DELETE /clusters/{name}/addons/{addonName}."""
    key = f"{_uri(self, 'name')} {_uri(self, 'addonName')}"
    addon = _kept("add-on", key)
    del KEPT["add-on"][key]
    return ActionResult({"addon": addon})


def create_pod_identity_association(self: Any) -> ActionResult:
    """POST /clusters/{name}/pod-identity-associations."""
    asked, cluster = _body(self), _uri(self, "name")
    known = KEPT.setdefault("pod identity association", {})
    for one in known.values():
        same = ("namespace", "serviceAccount")
        if one["clusterName"] == cluster and all(one[key] == asked[key] for key in same):
            raise JsonRESTError("ResourceInUseException", f"{asked} has a role already")
    name = f"a-{uuid.uuid4().hex[:17]}"
    known[f"{cluster} {name}"] = {
        "clusterName": cluster,
        "namespace": asked["namespace"],
        "serviceAccount": asked["serviceAccount"],
        "roleArn": asked["roleArn"],
        "associationArn": _arn(self, "eks", f"podidentityassociation/{cluster}/{name}"),
        "associationId": name,
        "tags": asked.get("tags", {}),
        "createdAt": utcnow(),
        "modifiedAt": utcnow(),
    }
    return ActionResult({"association": known[f"{cluster} {name}"]})


def describe_pod_identity_association(self: Any) -> ActionResult:
    """GET /clusters/{name}/pod-identity-associations/{associationId}."""
    key = f"{_uri(self, 'name')} {_uri(self, 'associationId')}"
    return ActionResult({"association": _kept("pod identity association", key)})


def delete_pod_identity_association(self: Any) -> ActionResult:
    """DELETE /clusters/{name}/pod-identity-associations/{associationId}."""
    key = f"{_uri(self, 'name')} {_uri(self, 'associationId')}"
    association = _kept("pod identity association", key)
    del KEPT["pod identity association"][key]
    return ActionResult({"association": association})


for function in (
    create_access_entry,
    describe_access_entry,
    delete_access_entry,
    associate_access_policy,
    list_associated_access_policies,
    disassociate_access_policy,
    create_addon,
    describe_addon,
    delete_addon,
    create_pod_identity_association,
    describe_pod_identity_association,
    delete_pod_identity_association,
):
    setattr(EKSResponse, function.__name__, function)

eks_urls.url_paths |= {
    f"{{0}}/clusters/(?P<name>[^/]+)/{rest}$": eks_urls.response.dispatch
    for rest in (
        "access-entries",
        "access-entries/(?P<principalArn>.+)",
        "addons",
        "addons/(?P<addonName>[^/]+)",
        "pod-identity-associations",
        "pod-identity-associations/(?P<associationId>[^/]+)",
    )
}


# EC2: a launch template's own tags are not among those that it gives to what it launches.


def _without_own_tags(create: Any) -> Any:
    def create_launch_template(self: Any) -> Any:
        result, name = create(self), self._get_param("LaunchTemplateName")
        (template,) = self.ec2_backend.describe_launch_templates(template_names=[name])
        given = template.latest_version().data
        given["TagSpecifications"] = [
            one
            for one in given.get("TagSpecifications", [])
            if one["ResourceType"] != "launch-template"
        ]
        return result

    return create_launch_template


LaunchTemplates.create_launch_template = _without_own_tags(LaunchTemplates.create_launch_template)


# AMP: the key that a workspace is encrypted with.


def _with_key(create: Any) -> Any:
    def create_workspace(self: Any) -> str:
        made = json.loads(create(self))
        workspace = self.amp_backend.describe_workspace(workspace_id=made["workspaceId"])
        workspace.key = _body(self).get("kmsKeyArn")
        return json.dumps(workspace.to_dict())

    return create_workspace


amp_models.Workspace.key = None
amp_models.Workspace.to_dict = _telling(amp_models.Workspace.to_dict, "kmsKeyArn", "key")
PrometheusServiceResponse.create_workspace = _with_key(PrometheusServiceResponse.create_workspace)


# FSx: a file system that is there, and its links to buckets.


def _file_system(describe: Any) -> Any:
    def to_dict(self: Any) -> Json:
        found = describe(self)
        lustre = {"MountName": "rayworks", **found.get("LustreConfiguration", {})}
        more = {"Lifecycle": "AVAILABLE", "FileSystemTypeVersion": self.version}
        return {**found, **more, "LustreConfiguration": lustre}

    return to_dict


def _with_version(create: Any) -> Any:
    def create_file_system(self: Any, **options: Any) -> Any:
        system = create(self, **options)
        system.version = options["file_system_type_version"]
        return system

    return create_file_system


fsx_models.FileSystem.version = None
fsx_models.FSxBackend.create_file_system = _with_version(fsx_models.FSxBackend.create_file_system)
fsx_models.FileSystem.to_dict = _file_system(fsx_models.FileSystem.to_dict)


def create_data_repository_association(self: Any) -> str:
    """FSx, CreateDataRepositoryAssociation."""
    asked = _body(self)
    name = f"dra-{uuid.uuid4().hex[:17]}"
    asked.pop("ClientRequestToken", None)
    association = {
        **asked,
        "AssociationId": name,
        "ResourceARN": _arn(self, "fsx", f"association/{asked['FileSystemId']}/{name}"),
        "Lifecycle": "AVAILABLE",
    }
    KEPT.setdefault("association", {})[name] = association
    return json.dumps({"Association": association})


def describe_data_repository_associations(self: Any) -> str:
    """FSx, DescribeDataRepositoryAssociations."""
    wanted, known = _body(self).get("AssociationIds", []), KEPT.get("association", {})
    if missing := [name for name in wanted if name not in known]:
        raise JsonRESTError("DataRepositoryAssociationNotFound", f"no {missing[0]}")
    return json.dumps({"Associations": [known[name] for name in wanted]})


def delete_data_repository_association(self: Any) -> str:
    """FSx, DeleteDataRepositoryAssociation."""
    asked = _body(self)
    KEPT["association"].pop(asked["AssociationId"])
    return json.dumps({"AssociationId": asked["AssociationId"], "Lifecycle": "DELETING"})


for function in (
    create_data_repository_association,
    describe_data_repository_associations,
    delete_data_repository_association,
):
    setattr(FSxResponse, function.__name__, function)


# EFS.


def put_backup_policy(self: Any) -> tuple[str, Json]:
    """PUT …/file-systems/{FileSystemId}/backup-policy."""
    policy = _body(self)["BackupPolicy"]
    system = self.efs_backend.file_systems_by_id[self._get_param("FileSystemId")]
    system._backup = policy["Status"] == "ENABLED"
    return json.dumps({"BackupPolicy": policy}), {"Content-Type": "application/json"}


def describe_backup_policy(self: Any) -> tuple[str, Json]:
    """GET …/file-systems/{FileSystemId}/backup-policy."""
    system = self.efs_backend.file_systems_by_id[self._get_param("FileSystemId")]
    policy = {"Status": "ENABLED" if system._backup else "DISABLED"}
    return json.dumps({"BackupPolicy": policy}), {"Content-Type": "application/json"}


def delete_file_system_policy(self: Any) -> tuple[str, Json]:
    """DELETE …/file-systems/{FileSystemId}/policy."""
    system = self.efs_backend.file_systems_by_id[self._get_param("FileSystemId")]
    system.file_system_policy = None
    return "", {"Content-Type": "application/json"}


EFSResponse.put_backup_policy = put_backup_policy
EFSResponse.describe_backup_policy = describe_backup_policy
EFSResponse.delete_file_system_policy = delete_file_system_policy


# MemoryDB: who may use a cluster, and what it is.


def _with_engine(create: Any) -> Any:
    def create_cluster(self: Any) -> Any:
        result, asked = create(self), _body(self)
        self.memorydb_backend.clusters[asked["ClusterName"]].engine = asked.get("Engine")
        return result

    return create_cluster


memorydb_models.MemoryDBCluster.engine = None
memorydb_models.MemoryDBCluster.to_dict = _telling(
    memorydb_models.MemoryDBCluster.to_dict, "Engine", "engine"
)
MemoryDBResponse.create_cluster = _with_engine(MemoryDBResponse.create_cluster)


def create_acl(self: Any) -> ActionResult:
    """MemoryDB, CreateACL."""
    asked = _body(self)
    acl = {
        "Name": asked["ACLName"],
        "UserNames": asked.get("UserNames", []),
        "Status": "active",
        "MinimumEngineVersion": "6.2",
        "Clusters": [],
        "ARN": _arn(self, "memorydb", f"acl/{asked['ACLName']}"),
    }
    KEPT.setdefault("ACL", {})[asked["ACLName"]] = acl
    TAGS[acl["ARN"]] = asked.get("Tags", [])
    return ActionResult({"ACL": acl})


def describe_ac_ls(self: Any) -> ActionResult:
    """MemoryDB, DescribeACLs."""
    name, known = _body(self).get("ACLName"), KEPT.get("ACL", {})
    if name and name not in known:
        raise JsonRESTError("ACLNotFoundFault", f"no ACL {name}")
    return ActionResult({"ACLs": [known[name]] if name else list(known.values())})


def delete_acl(self: Any) -> ActionResult:
    """MemoryDB, DeleteACL."""
    return ActionResult({"ACL": KEPT["ACL"].pop(_body(self)["ACLName"])})


def _tags_of_acls(listed: Any) -> Any:
    def list_tags(self: Any, resource_arn: str) -> list[dict[str, str]]:
        return TAGS[resource_arn] if ":acl/" in resource_arn else listed(self, resource_arn)

    return list_tags


memorydb_models.MemoryDBBackend.list_tags = _tags_of_acls(memorydb_models.MemoryDBBackend.list_tags)

for name, function in {
    "create_acl": create_acl,
    "describe_ac_ls": describe_ac_ls,
    "delete_acl": delete_acl,
}.items():
    setattr(MemoryDBResponse, name, function)


# Budgets.


def describe_subscribers_for_notification(self: Any) -> str:
    """Budgets, DescribeSubscribersForNotification."""
    asked = _body(self)
    budget = self.backend.budgets[asked["AccountId"]][asked["BudgetName"]]
    wanted = {key: asked["Notification"][key] for key in ("NotificationType", "Threshold")}
    for one in budget.notifications:
        if wanted.items() <= one.details.items():
            return json.dumps({"Subscribers": one.subscribers})
    raise JsonRESTError("NotFoundException", f"no notification {wanted}")


def _with_tags(create: Any) -> Any:
    def create_budget(self: Any) -> Any:
        result, asked = create(self), _body(self)
        TAGS[asked["Budget"]["BudgetName"]] = asked.get("ResourceTags", [])
        return result

    return create_budget


def list_tags_for_resource(self: Any) -> str:
    """Budgets, ListTagsForResource."""
    name = _body(self)["ResourceARN"].rpartition("/")[2]
    return json.dumps({"ResourceTags": TAGS[name]})


BudgetsResponse.describe_subscribers_for_notification = describe_subscribers_for_notification
BudgetsResponse.list_tags_for_resource = list_tags_for_resource
BudgetsResponse.create_budget = _with_tags(BudgetsResponse.create_budget)


# Route 53.


def _beginning_with_z(create: Any) -> Any:
    return lambda **options: f"Z{create(**options)[1:]}"


route53_models.create_route53_zone_id = _beginning_with_z(route53_models.create_route53_zone_id)


# Step Functions.


def validate_state_machine_definition(self: Any) -> str:
    """Step Functions, ValidateStateMachineDefinition."""
    try:
        AmazonStateLanguageParser.parse(_body(self)["definition"])
    except Exception as error:  # whatever the parser makes of a definition that is wrong
        found = {"severity": "ERROR", "code": "INVALID", "message": str(error), "location": "/"}
        return json.dumps({"result": "FAIL", "diagnostics": [found]})
    return json.dumps({"result": "OK", "diagnostics": []})


def list_state_machine_versions(self: Any) -> str:
    """Step Functions, ListStateMachineVersions."""
    return json.dumps({"stateMachineVersions": []})


StepFunctionResponse.validate_state_machine_definition = validate_state_machine_definition
StepFunctionResponse.list_state_machine_versions = list_state_machine_versions


if __name__ == "__main__":
    from moto.server import main

    main(["-H", "127.0.0.1", "-p", sys.argv[1]])
