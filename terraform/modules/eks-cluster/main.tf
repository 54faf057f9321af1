/**
 * # eks-cluster
 *
 * The control plane, and who may speak to it. Nodes and add-ons are modules of their own.
 */

data "aws_partition" "this" {}

# Before the cluster: EKS makes the group itself otherwise, and keeps its logs for ever.
resource "aws_cloudwatch_log_group" "this" {
  name              = "/aws/eks/${var.name}/cluster"
  retention_in_days = var.log_days
  kms_key_id        = one(var.own_key[*].arn)
}

data "aws_iam_policy_document" "trust" {
  statement {
    actions = ["sts:AssumeRole", "sts:TagSession"]

    principals {
      type        = "Service"
      identifiers = ["eks.amazonaws.com"]
    }
  }
}

resource "aws_iam_role" "this" {
  name               = "${var.name}-cluster"
  description        = "Control plane of ${var.name}"
  assume_role_policy = data.aws_iam_policy_document.trust.json
}

resource "aws_iam_role_policy_attachment" "this" {
  role       = aws_iam_role.this.name
  policy_arn = "arn:${data.aws_partition.this.partition}:iam::aws:policy/AmazonEKSClusterPolicy"
}

data "aws_iam_policy_document" "key" {
  count = var.own_key == null ? 0 : 1

  statement {
    sid       = "EncryptSecrets"
    actions   = ["kms:Encrypt", "kms:Decrypt", "kms:ListGrants", "kms:DescribeKey"]
    resources = [var.own_key.arn]
  }
}

resource "aws_iam_role_policy" "key" {
  count = var.own_key == null ? 0 : 1

  name   = "secrets-encryption"
  role   = aws_iam_role.this.id
  policy = data.aws_iam_policy_document.key[0].json
}

resource "aws_eks_cluster" "this" {
  #checkov:skip=CKV_AWS_58: EKS encrypts them in any case; variable own_key says whether by a key of one's own

  name                          = var.name
  version                       = var.kubernetes_version
  role_arn                      = aws_iam_role.this.arn
  bootstrap_self_managed_addons = false
  enabled_cluster_log_types     = var.log_types

  access_config {
    authentication_mode                         = "API"
    bootstrap_cluster_creator_admin_permissions = true
  }

  vpc_config {
    subnet_ids              = var.subnet_ids
    endpoint_private_access = true
    endpoint_public_access  = length(var.authorized_cidrs) > 0
    public_access_cidrs     = length(var.authorized_cidrs) > 0 ? var.authorized_cidrs : null
  }

  kubernetes_network_config {
    ip_family         = "ipv4"
    service_ipv4_cidr = var.service_cidr
  }

  upgrade_policy {
    support_type = var.support_type
  }

  zonal_shift_config {
    enabled = true
  }

  # Without a key of one's own EKS encrypts Secrets with one of AWS'.
  dynamic "encryption_config" {
    for_each = var.own_key == null ? [] : [var.own_key.arn]

    content {
      resources = ["secrets"]

      provider {
        key_arn = encryption_config.value
      }
    }
  }

  depends_on = [
    aws_cloudwatch_log_group.this,
    aws_iam_role_policy.key,
    aws_iam_role_policy_attachment.this,
  ]
}

resource "aws_eks_access_entry" "this" {
  for_each = var.access

  cluster_name  = aws_eks_cluster.this.name
  principal_arn = each.value.principal_arn
}

resource "aws_eks_access_policy_association" "this" {
  for_each = var.access

  cluster_name  = aws_eks_cluster.this.name
  principal_arn = aws_eks_access_entry.this[each.key].principal_arn
  policy_arn    = "arn:${data.aws_partition.this.partition}:eks::aws:cluster-access-policy/${each.value.policy}"

  access_scope {
    type       = length(each.value.namespaces) == 0 ? "cluster" : "namespace"
    namespaces = length(each.value.namespaces) == 0 ? null : each.value.namespaces
  }
}
