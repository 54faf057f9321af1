/**
 * # aws-team
 *
 * A team's part of the account: an identity for its Ray pods, which reaches its own part of the bucket, and a way in
 * to its namespaces for its members. Its nodes are a pool like others; its namespace, quota and roles are chart ray-
 * team's.
 */

locals {
  namespaces = length(var.namespaces) > 0 ? var.namespaces : toset([var.team])
  prefix     = "teams/${var.team}"
}

data "aws_iam_policy_document" "this" {
  statement {
    sid       = "ListOwnPart"
    actions   = ["s3:ListBucket"]
    resources = [var.bucket_arn]

    condition {
      test     = "StringLike"
      variable = "s3:prefix"
      values   = [local.prefix, "${local.prefix}/*"]
    }
  }

  statement {
    sid       = "WriteOwnPart"
    actions   = ["s3:AbortMultipartUpload", "s3:DeleteObject", "s3:GetObject", "s3:ListMultipartUploadParts", "s3:PutObject"]
    resources = ["${var.bucket_arn}/${local.prefix}/*"]
  }

  statement {
    sid       = "WriteRayLogs"
    actions   = ["logs:CreateLogStream", "logs:PutLogEvents"]
    resources = ["${var.log_group_arn}:*"]
  }

  # What is in the bucket is encrypted with it.
  dynamic "statement" {
    for_each = var.own_key == null ? [] : [var.own_key.arn]

    content {
      sid       = "EncryptObjects"
      actions   = ["kms:Decrypt", "kms:GenerateDataKey"]
      resources = [statement.value]

      condition {
        test     = "StringLike"
        variable = "kms:ViaService"
        values   = ["s3.*.amazonaws.com"]
      }
    }
  }
}

module "identity" {
  source = "../aws-pod-identity"

  name             = "${var.name}-team-${var.team}"
  description      = "Ray pods of team ${var.team} in ${var.cluster_name}"
  cluster_name     = var.cluster_name
  service_accounts = [for namespace in local.namespaces : { namespace = namespace, name = var.service_account }]
  policies         = { own = data.aws_iam_policy_document.this.json }
}

# As members of a group of Kubernetes that chart ray-team gives its roles to.
resource "aws_eks_access_entry" "this" {
  for_each = var.members

  cluster_name      = var.cluster_name
  principal_arn     = each.value
  kubernetes_groups = ["rayworks:${var.team}"]
}
