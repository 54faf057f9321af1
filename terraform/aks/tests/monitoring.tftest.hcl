# Logs, metrics and dashboards.
mock_provider "azurerm" {
  mock_data "azurerm_client_config" {
    defaults = {
      subscription_id = "00000000-0000-0000-0000-000000000000"
      tenant_id       = "11111111-1111-1111-1111-111111111111"
      client_id       = "22222222-2222-2222-2222-222222222222"
      object_id       = "33333333-3333-3333-3333-333333333333"
    }
  }
}

variables {
  authorized_cidrs = ["198.18.0.7/32"]
}

run "off" {
  command = plan

  variables {
    monitoring = { logs = false, prometheus = false, grafana = false }
  }

  assert {
    condition     = output.dashboards.grafana == null && output.dashboards.prometheus == null && output.add_ons.grafana == null
    error_message = "There are no dashboards."
  }

  assert {
    condition     = output.helm_values.monitoring.apiGroup == "" && output.helm_values.logging.destination == ""
    error_message = "The charts bring a Prometheus of their own, and send logs nowhere."
  }
}

run "kept_too_short" {
  command = plan

  variables {
    monitoring = { retention_days = 7 }
  }

  expect_failures = [var.monitoring]
}
