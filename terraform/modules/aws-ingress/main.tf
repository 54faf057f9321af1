# What a public URL needs before a load balancer is made for it: a certificate for the domain, and a user pool whose
# members may pass.

resource "aws_acm_certificate" "this" {
  domain_name               = var.domain
  subject_alternative_names = ["*.${var.domain}"]
  validation_method         = "DNS"

  lifecycle {
    create_before_destroy = true
  }
}

resource "aws_route53_record" "validation" {
  # The domain and its wildcard are proved by the same record.
  for_each = { for option in aws_acm_certificate.this.domain_validation_options : option.domain_name => option if option.domain_name == var.domain }

  zone_id = var.zone_id
  name    = each.value.resource_record_name
  type    = each.value.resource_record_type
  records = [each.value.resource_record_value]
  ttl     = 300
}

resource "aws_acm_certificate_validation" "this" {
  certificate_arn         = aws_acm_certificate.this.arn
  validation_record_fqdns = [for record in aws_route53_record.validation : record.fqdn]
}

data "aws_caller_identity" "this" {}

# Users are made by administrators: nobody signs up.
resource "aws_cognito_user_pool" "this" {
  name                     = var.name
  mfa_configuration        = "OPTIONAL"
  username_attributes      = ["email"]
  auto_verified_attributes = ["email"]

  admin_create_user_config {
    allow_admin_create_user_only = true
  }

  password_policy {
    minimum_length                   = 14
    require_lowercase                = true
    require_uppercase                = true
    require_numbers                  = true
    require_symbols                  = false
    temporary_password_validity_days = 7
  }

  software_token_mfa_configuration {
    enabled = true
  }

  account_recovery_setting {
    recovery_mechanism {
      name     = "verified_email"
      priority = 1
    }
  }
}

resource "aws_cognito_user_pool_domain" "this" {
  # Unique in the region, over all accounts.
  domain       = "${var.name}-${data.aws_caller_identity.this.account_id}"
  user_pool_id = aws_cognito_user_pool.this.id
}

resource "aws_cognito_user_pool_client" "this" {
  name         = "load-balancer"
  user_pool_id = aws_cognito_user_pool.this.id
  # The load balancer asks for it; the controller reads it from Cognito, so that it is in no Secret.
  generate_secret                      = true
  allowed_oauth_flows_user_pool_client = true
  allowed_oauth_flows                  = ["code"]
  allowed_oauth_scopes                 = ["openid", "email"]
  supported_identity_providers         = ["COGNITO"]
  callback_urls                        = [for host in var.hosts : "https://${host}.${var.domain}/oauth2/idpresponse"]
  prevent_user_existence_errors        = "ENABLED"
  enable_token_revocation              = true
}

# The names of the load balancers, which external-dns writes into the zone.
data "aws_iam_policy_document" "dns" {
  statement {
    sid       = "WriteRecords"
    actions   = ["route53:ChangeResourceRecordSets", "route53:ListResourceRecordSets"]
    resources = ["arn:${data.aws_partition.this.partition}:route53:::hostedzone/${var.zone_id}"]
  }

  statement {
    sid       = "FindZone"
    actions   = ["route53:ListHostedZones", "route53:ListTagsForResources"]
    resources = ["*"]
  }
}

data "aws_partition" "this" {}

module "external_dns" {
  source = "../aws-pod-identity"

  name             = "${var.name}-external-dns"
  description      = "external-dns of ${var.cluster_name}: records of ${var.domain}"
  cluster_name     = var.cluster_name
  service_accounts = [{ namespace = "external-dns", name = "external-dns" }]
  policy           = data.aws_iam_policy_document.dns.json
}
