/**
 * # eks
 *
 * EKS with what Ray needs around it: network, nodes by pool, identities, storage, registry, logs. See
 * [docs/clouds/eks.md](../../docs/clouds/eks.md).
 */

data "aws_caller_identity" "current" {}
data "aws_partition" "current" {}

data "aws_availability_zones" "available" {
  #checkov:skip=CKV_AWS_394: the first three by name, to which AWS adds behind; network.zones pins others
  state = "available"

  # Without local zones and such that an account must ask for.
  filter {
    name   = "opt-in-status"
    values = ["opt-in-not-required"]
  }
}

locals {
  # Of everything; provider, launch templates, NodePools, the EBS driver and the load balancer controller pass them on.
  tags  = merge(var.tags, { rayworks-deployment = var.name })
  key   = var.own_keys ? { arn = module.key[0].arn } : null
  zones = length(var.network.zones) > 0 ? var.network.zones : slice(data.aws_availability_zones.available.names, 0, min(3, length(data.aws_availability_zones.available.names)))

  # What nodes and controllers ask of AWS, and what the images are pulled from.
  endpoints_without_nat = toset(["ecr.api", "ecr.dkr", "sts", "ec2", "eks", "eks-auth", "elasticloadbalancing", "logs", "sqs", "ssm", "autoscaling", "secretsmanager"])

  lustre = contains(var.storage.file_systems, "lustre")
  efs    = contains(var.storage.file_systems, "efs")
  # Namespaces that the shared file system has a volume for.
  namespaces = toset(concat(
    [for account in var.service_accounts : split("/", account)[0]],
    flatten([for name, team in var.teams : length(team.namespaces) > 0 ? tolist(team.namespaces) : [name]]),
  ))

  # Add-ons of EKS in two lots: those without which no node gets ready, and those that need nodes to get healthy.
  first_addons = {
    vpc-cni = jsonencode({
      enableNetworkPolicy = "true"
      # Sixteen addresses at a time: more pods a node, and less waiting for each.
      env = { ENABLE_PREFIX_DELEGATION = "true", WARM_PREFIX_TARGET = "1" }
    })
    kube-proxy             = null
    eks-pod-identity-agent = null
  }
  later_addons = merge(
    {
      coredns                   = null
      eks-node-monitoring-agent = null
      aws-ebs-csi-driver        = jsonencode({ controller = { extraVolumeTags = local.tags } })
    },
    local.lustre ? { aws-fsx-csi-driver = null } : {},
    local.efs ? { aws-efs-csi-driver = jsonencode({ controller = { tags = local.tags } }) } : {},
    var.monitoring.container_insights ? {
      # What containers print goes there by Fluent Bit already.
      amazon-cloudwatch-observability = jsonencode({ containerLogs = { enabled = false } })
    } : {},
  )
  eks_addons = concat(keys(local.first_addons), keys(local.later_addons))
}

module "key" {
  source = "../modules/aws-key"
  count  = var.own_keys ? 1 : 0

  name   = var.name
  region = var.region
}

module "network" {
  source = "../modules/aws-network"

  name          = var.name
  region        = var.region
  cidr          = var.network.cidr
  zones         = local.zones
  nat           = var.network.nat
  endpoints     = var.network.endpoints
  flow_log_days = var.network.flow_log_days
  own_key       = local.key
}

module "cluster" {
  source = "../modules/eks-cluster"

  name               = var.name
  kubernetes_version = var.kubernetes_version
  support_type       = var.upgrades.support_type
  subnet_ids         = values(module.network.private_subnets)
  service_cidr       = var.network.services
  authorized_cidrs   = var.private_cluster ? [] : var.authorized_cidrs
  log_days           = var.monitoring.retention_days
  own_key            = local.key
  access             = { for name, arn in var.administrators : name => { principal_arn = arn } }
}

module "first_addons" {
  source = "../modules/eks-addons"

  cluster_name = module.cluster.name
  addons       = { for name, configuration in local.first_addons : name => { configuration = configuration, version = lookup(var.upgrades.add_ons, name, null) } }

  depends_on = [module.identity]
}

module "later_addons" {
  source = "../modules/eks-addons"

  cluster_name = module.cluster.name
  addons       = { for name, configuration in local.later_addons : name => { configuration = configuration, version = lookup(var.upgrades.add_ons, name, null) } }

  depends_on = [module.node_groups, module.identity, module.monitoring]
}

module "karpenter" {
  source = "../modules/eks-karpenter"
  count  = var.node_provisioning == "auto" ? 1 : 0

  name         = var.name
  region       = var.region
  cluster_name = module.cluster.name
  own_key      = local.key
}

module "storage" {
  source = "../modules/aws-storage"

  name             = var.name
  own_key          = local.key
  old_version_days = var.storage.old_version_days
  delete_data      = var.storage.delete_data
  efs = local.efs ? {
    vpc_id                   = module.network.vpc_id
    subnets                  = module.network.private_subnets
    client_security_group_id = module.cluster.security_group_id
  } : null
}

module "lustre" {
  source = "../modules/aws-lustre"
  count  = local.lustre ? 1 : 0

  name   = var.name
  vpc_id = module.network.vpc_id
  # A zone that is none of the network's is told by terraform_data.pools.
  subnet_id                = lookup(module.network.private_subnets, var.storage.lustre.zone, module.network.private_subnets[local.zones[0]])
  client_security_group_id = module.cluster.security_group_id
  data_repository          = "s3://${module.storage.bucket}/export"
  deployment_type          = var.storage.lustre.deployment_type
  capacity_gib             = var.storage.lustre.capacity_gib
  throughput               = var.storage.lustre.throughput
  compression              = var.storage.lustre.compression
  log_days                 = var.monitoring.retention_days
  own_key                  = local.key
}

module "registry" {
  source = "../modules/aws-registry"
  count  = var.registry.create ? 1 : 0

  name          = "rayworks"
  repositories  = ["mlflow", "operator", "ray"]
  keep          = var.registry.keep
  delete_images = var.registry.delete_images
  own_key       = local.key
}

module "redis" {
  source = "../modules/aws-redis"
  count  = var.redis == null ? 0 : 1

  name                     = var.name
  vpc_id                   = module.network.vpc_id
  subnet_ids               = values(module.network.private_subnets)
  client_security_group_id = module.cluster.security_group_id
  node_type                = var.redis.node_type
  engine_version           = var.redis.engine_version
  replicas                 = var.redis.replicas
  snapshot_days            = var.redis.snapshot_days
  own_key                  = local.key
}

module "monitoring" {
  source = "../modules/aws-monitoring"

  name               = var.name
  cluster_name       = module.cluster.name
  log_days           = var.monitoring.retention_days
  container_insights = var.monitoring.container_insights
  prometheus         = var.monitoring.prometheus
  grafana            = var.monitoring.grafana ? { admins = var.monitoring.grafana_administrators, viewers = var.monitoring.viewers } : null
  budget             = var.budget
  own_key            = local.key
}

module "gateway" {
  source = "../modules/aws-gateway"
  count  = var.gateway == null ? 0 : 1

  name         = var.name
  cluster_name = module.cluster.name
  zones        = local.zones
  domain       = var.gateway.domain
  zone_id      = var.gateway.zone_id
}

module "orchestration" {
  source = "../modules/aws-orchestration"
  count  = var.orchestration == null ? 0 : 1

  name = var.name
  cluster = {
    name                  = module.cluster.name
    endpoint              = module.cluster.endpoint
    certificate_authority = module.cluster.certificate_authority
  }
  image           = "${local.registry}/rayworks/ray:${var.orchestration.image_tag}"
  command         = var.orchestration.command
  num_workers     = var.orchestration.num_workers
  timeout_minutes = var.orchestration.timeout_minutes
  log_days        = var.monitoring.retention_days
  own_key         = local.key
}

module "team" {
  source   = "../modules/aws-team"
  for_each = var.teams

  team          = each.key
  name          = var.name
  cluster_name  = module.cluster.name
  bucket_arn    = module.storage.bucket_arn
  log_group_arn = module.monitoring.log_groups["ray"].arn
  namespaces    = each.value.namespaces
  members       = each.value.members
  own_key       = local.key
}

# The example's addresses are set aside for documentation: nobody has one.
check "authorized_cidrs" {
  assert {
    condition     = var.private_cluster || anytrue([for cidr in var.authorized_cidrs : !can(regex("^(192\\.0\\.2|198\\.51\\.100|203\\.0\\.113)\\.", cidr))])
    error_message = "authorized_cidrs has no address but the example's, so that nobody will reach the API server: put in your own (curl -4 https://icanhazip.com)."
  }
}
