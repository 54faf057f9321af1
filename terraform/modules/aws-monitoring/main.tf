/**
 * # aws-monitoring
 *
 * Where logs go, and, where it is asked for, AWS' own Prometheus and Grafana and a word before the money is gone.
 */

data "aws_partition" "this" {}

# Made here and not by Fluent Bit, which would make them without an end and without the key.
resource "aws_cloudwatch_log_group" "this" {
  for_each = toset(["ray", "containers"])

  name              = "/rayworks/${var.name}/${each.key}"
  retention_in_days = var.log_days
  kms_key_id        = one(var.own_key[*].arn)
}

data "aws_iam_policy_document" "container_logs" {
  statement {
    sid       = "WriteLogs"
    actions   = ["logs:CreateLogStream", "logs:DescribeLogStreams", "logs:PutLogEvents"]
    resources = ["${aws_cloudwatch_log_group.this["containers"].arn}:*"]
  }

  # What it looks for at its start, which has no resource of its own.
  statement {
    sid       = "FindLogGroup"
    actions   = ["logs:DescribeLogGroups"]
    resources = ["*"]
  }
}

module "fluent_bit" {
  source = "../aws-pod-identity"

  name             = "${var.name}-fluent-bit"
  description      = "Fluent Bit of ${var.cluster_name}: what containers print, to CloudWatch"
  cluster_name     = var.cluster_name
  service_accounts = [{ namespace = "logging", name = "fluent-bit" }]
  policies         = { own = data.aws_iam_policy_document.container_logs.json }
}

module "container_insights" {
  source = "../aws-pod-identity"
  count  = var.container_insights ? 1 : 0

  name             = "${var.name}-cloudwatch"
  description      = "CloudWatch agent of ${var.cluster_name}: Container Insights"
  cluster_name     = var.cluster_name
  service_accounts = [{ namespace = "amazon-cloudwatch", name = "cloudwatch-agent" }]
  managed_policies = { agent = "arn:${data.aws_partition.this.partition}:iam::aws:policy/CloudWatchAgentServerPolicy" }
}

resource "aws_prometheus_workspace" "this" {
  count = var.prometheus ? 1 : 0

  alias       = var.name
  kms_key_arn = one(var.own_key[*].arn)
}

data "aws_iam_policy_document" "prometheus" {
  count = var.prometheus ? 1 : 0

  statement {
    sid       = "Write"
    actions   = ["aps:RemoteWrite"]
    resources = [aws_prometheus_workspace.this[0].arn]
  }
}

module "prometheus" {
  source = "../aws-pod-identity"
  count  = var.prometheus ? 1 : 0

  name             = "${var.name}-prometheus"
  description      = "Prometheus of ${var.cluster_name}: writes to Amazon Managed Service for Prometheus"
  cluster_name     = var.cluster_name
  service_accounts = [{ namespace = "monitoring", name = "prometheus" }]
  policies         = { own = data.aws_iam_policy_document.prometheus[0].json }
}

data "aws_caller_identity" "this" {}

data "aws_iam_policy_document" "grafana_trust" {
  count = var.grafana == null ? 0 : 1

  statement {
    actions = ["sts:AssumeRole"]

    principals {
      type        = "Service"
      identifiers = ["grafana.amazonaws.com"]
    }

    condition {
      test     = "StringEquals"
      variable = "aws:SourceAccount"
      values   = [data.aws_caller_identity.this.account_id]
    }
  }
}

data "aws_iam_policy_document" "grafana" {
  count = var.grafana == null ? 0 : 1

  dynamic "statement" {
    for_each = aws_prometheus_workspace.this

    content {
      sid       = "QueryPrometheus"
      actions   = ["aps:DescribeWorkspace", "aps:GetLabels", "aps:GetMetricMetadata", "aps:GetSeries", "aps:QueryMetrics"]
      resources = [statement.value.arn]
    }
  }

  # Grafana lists what there is to choose from; neither action knows resources.
  statement {
    sid       = "FindSources"
    actions   = ["aps:ListWorkspaces", "logs:DescribeLogGroups", "cloudwatch:ListMetrics", "cloudwatch:GetMetricData"]
    resources = ["*"]
  }

  statement {
    sid       = "QueryLogs"
    actions   = ["logs:GetLogGroupFields", "logs:GetLogEvents", "logs:StartQuery", "logs:StopQuery", "logs:GetQueryResults"]
    resources = [for group in aws_cloudwatch_log_group.this : "${group.arn}:*"]
  }
}

resource "aws_iam_role" "grafana" {
  count = var.grafana == null ? 0 : 1

  name               = "${var.name}-grafana"
  description        = "Amazon Managed Grafana of ${var.name}: reads metrics and logs"
  assume_role_policy = data.aws_iam_policy_document.grafana_trust[0].json
}

resource "aws_iam_role_policy" "grafana" {
  count = var.grafana == null ? 0 : 1

  name   = "read"
  role   = aws_iam_role.grafana[0].id
  policy = data.aws_iam_policy_document.grafana[0].json
}

resource "aws_grafana_workspace" "this" {
  count = var.grafana == null ? 0 : 1

  name                     = var.name
  description              = "Dashboards of ${var.name}"
  account_access_type      = "CURRENT_ACCOUNT"
  authentication_providers = ["AWS_SSO"]
  permission_type          = "CUSTOMER_MANAGED"
  data_sources             = concat(["CLOUDWATCH"], var.prometheus ? ["PROMETHEUS"] : [])
  role_arn                 = aws_iam_role.grafana[0].arn
  # Dashboards are brought by accounts that are made for it.
  configuration = jsonencode({ plugins = { pluginAdminEnabled = false }, unifiedAlerting = { enabled = true } })
}

resource "aws_grafana_role_association" "this" {
  for_each = var.grafana == null ? {} : { for role, groups in { ADMIN = var.grafana.admins, VIEWER = var.grafana.viewers } : role => groups if length(groups) > 0 }

  workspace_id = aws_grafana_workspace.this[0].id
  role         = each.key
  group_ids    = each.value
}

resource "aws_budgets_budget" "this" {
  count = var.budget == null ? 0 : 1

  name         = var.name
  budget_type  = "COST"
  time_unit    = "MONTHLY"
  limit_amount = tostring(var.budget.usd)
  limit_unit   = "USD"

  # Only what bears this deployment's tag, once it is a cost allocation tag of the account.
  cost_filter {
    name = "TagKeyValue"
    # Not by ${}: a dollar before it would take its meaning.
    values = [format("user:rayworks-deployment$%s", var.name)]
  }

  dynamic "notification" {
    for_each = { spent = ["ACTUAL", 80], forecast = ["FORECASTED", 100] }

    content {
      notification_type          = notification.value[0]
      threshold                  = notification.value[1]
      threshold_type             = "PERCENTAGE"
      comparison_operator        = "GREATER_THAN"
      subscriber_email_addresses = var.budget.emails
    }
  }
}
