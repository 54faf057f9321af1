/**
 * # aws-key
 *
 * One key of one's own for everything at rest. IAM decides who of the account may use it; the services that act by
 * themselves are named.
 */

data "aws_caller_identity" "this" {}
data "aws_partition" "this" {}

locals {
  account   = data.aws_caller_identity.this.account_id
  partition = data.aws_partition.this.partition
  roles     = "arn:${local.partition}:iam::${local.account}:role/aws-service-role"
  use       = ["kms:Encrypt*", "kms:Decrypt*", "kms:ReEncrypt*", "kms:GenerateDataKey*", "kms:Describe*"]
}

data "aws_iam_policy_document" "this" {
  #checkov:skip=CKV_AWS_109: it is the policy of a key, whose resource is the key itself
  #checkov:skip=CKV_AWS_111: likewise
  #checkov:skip=CKV_AWS_356: likewise
  # Without it nobody could change the key or its policy any more.
  statement {
    sid       = "AccountByIam"
    actions   = ["kms:*"]
    resources = ["*"]

    principals {
      type        = "AWS"
      identifiers = ["arn:${local.partition}:iam::${local.account}:root"]
    }
  }

  statement {
    sid       = "CloudWatchLogs"
    actions   = local.use
    resources = ["*"]

    principals {
      type        = "Service"
      identifiers = ["logs.${var.region}.amazonaws.com"]
    }

    condition {
      test     = "ArnLike"
      variable = "kms:EncryptionContext:aws:logs:arn"
      values   = ["arn:${local.partition}:logs:${var.region}:${local.account}:log-group:*"]
    }
  }

  # Roles that AWS makes for its services by itself, at first use: their IAM policies do not name this key, and they may
  # not be there yet, which a principal must. Hence anybody, and the condition says whom.
  statement {
    sid       = "ServiceLinkedRoles"
    actions   = concat(local.use, ["kms:CreateGrant"])
    resources = ["*"]

    principals {
      type        = "AWS"
      identifiers = ["*"]
    }

    condition {
      test     = "StringEquals"
      variable = "kms:CallerAccount"
      values   = [local.account]
    }

    condition {
      test     = "ArnLike"
      variable = "aws:PrincipalArn"
      values = [
        # Launches node groups, and with them their disks.
        "${local.roles}/autoscaling.amazonaws.com/AWSServiceRoleForAutoScaling",
        # Launches spot machines of Karpenter.
        "${local.roles}/spot.amazonaws.com/AWSServiceRoleForEC2Spot",
        # Moves files between the bucket and a Lustre file system; each file system has one.
        "${local.roles}/s3.data-source.lustre.fsx.amazonaws.com/AWSServiceRoleForFSxS3Access_*",
      ]
    }
  }

  # EventBridge puts the warnings of an interruption into Karpenter's queue.
  statement {
    sid       = "EventsIntoQueues"
    actions   = ["kms:Decrypt", "kms:GenerateDataKey"]
    resources = ["*"]

    principals {
      type        = "Service"
      identifiers = ["events.amazonaws.com"]
    }

    condition {
      test     = "StringEquals"
      variable = "aws:SourceAccount"
      values   = [local.account]
    }
  }
}

resource "aws_kms_key" "this" {
  description             = "Everything at rest of ${var.name}"
  enable_key_rotation     = true
  deletion_window_in_days = var.deletion_window_days
  policy                  = data.aws_iam_policy_document.this.json
}

resource "aws_kms_alias" "this" {
  name          = "alias/${var.name}"
  target_key_id = aws_kms_key.this.key_id
}
