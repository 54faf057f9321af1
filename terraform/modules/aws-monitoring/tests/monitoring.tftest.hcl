# Logs, metrics, dashboards, a budget, and what is refused.
mock_provider "aws" {
  source = "../../mocks/aws"
}

variables {
  name         = "rayworks"
  cluster_name = "rayworks"
}

run "logs" {
  command = plan

  assert {
    condition     = alltrue([for group in aws_cloudwatch_log_group.this : group.retention_in_days == 30])
    error_message = "Logs end."
  }

  assert {
    condition     = length(aws_prometheus_workspace.this) + length(aws_grafana_workspace.this) + length(aws_budgets_budget.this) == 0
    error_message = "Nothing more unless asked for."
  }
}

run "managed" {
  command = plan

  variables {
    container_insights = true
    prometheus         = true
    grafana            = { admins = ["a1b2c3d4-5678-90ab-cdef-1234567890ab"] }
  }

  assert {
    condition     = length(aws_prometheus_workspace.this) == 1 && contains(aws_grafana_workspace.this[0].data_sources, "PROMETHEUS")
    error_message = "Grafana looks into Prometheus."
  }

  assert {
    condition     = keys(aws_grafana_role_association.this) == ["ADMIN"]
    error_message = "Groups have roles, as far as there are any."
  }

  assert {
    condition     = length(module.container_insights) == 1
    error_message = "The CloudWatch agent has a role."
  }
}

run "budget" {
  command = plan

  variables {
    budget = { usd = 1000, emails = ["ops@example.org"] }
  }

  assert {
    condition     = aws_budgets_budget.this[0].limit_amount == "1000" && length(aws_budgets_budget.this[0].notification) == 2
    error_message = "A word when it is spent, and before."
  }

  assert {
    condition     = one(aws_budgets_budget.this[0].cost_filter).values[0] == "user:rayworks-deployment$rayworks"
    error_message = "Of this deployment's cost alone."
  }
}

run "days" {
  command = plan

  variables {
    log_days = 31
  }

  expect_failures = [var.log_days]
}

run "nobody" {
  command = plan

  variables {
    grafana = {}
  }

  expect_failures = [var.grafana]
}

run "no_group" {
  command = plan

  variables {
    grafana = { admins = ["admins"] }
  }

  expect_failures = [var.grafana]
}

run "no_money" {
  command = plan

  variables {
    budget = { usd = 0, emails = ["ops@example.org"] }
  }

  expect_failures = [var.budget]
}

run "no_address" {
  command = plan

  variables {
    budget = { usd = 1000, emails = ["ops"] }
  }

  expect_failures = [var.budget]
}

run "nobody_to_write_to" {
  command = plan

  variables {
    budget = { usd = 1000, emails = [] }
  }

  expect_failures = [var.budget]
}
