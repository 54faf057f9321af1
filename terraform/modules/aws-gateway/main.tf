/**
 * # aws-gateway
 *
 * What a public entrance needs before a load balancer is made for it: fixed addresses, names that lead to them, and a
 * role by which cert-manager proves that the domain is ours.
 */

data "aws_partition" "this" {}

resource "aws_eip" "this" {
  #checkov:skip=CKV2_AWS_19: the load balancer that Kubernetes makes takes them
  for_each = var.zones

  domain = "vpc"
  tags   = { Name = "${var.name}-gateway-${each.key}" }
}

resource "aws_route53_record" "this" {
  zone_id = var.zone_id
  name    = "*.${var.domain}"
  type    = "A"
  ttl     = 300
  records = [for address in aws_eip.this : address.public_ip]
}

data "aws_iam_policy_document" "this" {
  statement {
    sid       = "ProveDomain"
    actions   = ["route53:ChangeResourceRecordSets"]
    resources = ["arn:${data.aws_partition.this.partition}:route53:::hostedzone/${var.zone_id}"]

    # The record that the authority asks for, and no other.
    condition {
      test     = "ForAllValues:StringEquals"
      variable = "route53:ChangeResourceRecordSetsNormalizedRecordNames"
      values   = ["_acme-challenge.${var.domain}"]
    }

    condition {
      test     = "ForAllValues:StringEquals"
      variable = "route53:ChangeResourceRecordSetsRecordTypes"
      values   = ["TXT"]
    }
  }

  statement {
    sid       = "ReadZone"
    actions   = ["route53:ListResourceRecordSets"]
    resources = ["arn:${data.aws_partition.this.partition}:route53:::hostedzone/${var.zone_id}"]
  }

  # Whether a change has reached all name servers; a change has no name beforehand.
  statement {
    sid       = "WaitForChange"
    actions   = ["route53:GetChange"]
    resources = ["arn:${data.aws_partition.this.partition}:route53:::change/*"]
  }
}

module "cert_manager" {
  source = "../aws-pod-identity"

  name             = "${var.name}-cert-manager"
  description      = "cert-manager of ${var.cluster_name}: proves ${var.domain}"
  cluster_name     = var.cluster_name
  service_accounts = [{ namespace = "cert-manager", name = "cert-manager" }]
  policies         = { own = data.aws_iam_policy_document.this.json }
}
