# Metrics, logs and who sees them.
mock_provider "azurerm" {}

variables {
  name                = "rayworks"
  suffix              = "0a1b2c"
  resource_group_name = "rg-rayworks"
  resource_group_id   = "/subscriptions/00000000-0000-0000-0000-000000000000/resourceGroups/rg-rayworks"
  region              = "westus3"
  cluster = {
    id   = "/subscriptions/00000000-0000-0000-0000-000000000000/resourceGroups/rg-rayworks/providers/Microsoft.ContainerService/managedClusters/aks-rayworks"
    name = "aks-rayworks"
  }
}

run "metrics" {
  command = plan

  variables {
    grafana_administrators = { deployer = "33333333-3333-3333-3333-333333333333" }
    grafana_viewers        = ["44444444-4444-4444-4444-444444444444"]
  }

  assert {
    condition     = azurerm_monitor_data_collection_rule.metrics[0].data_flow[0].streams == tolist(["Microsoft-PrometheusMetrics"]) && azurerm_monitor_data_collection_rule_association.metrics[0].target_resource_id == var.cluster.id
    error_message = "The cluster's metrics go to the workspace."
  }

  assert {
    condition     = azurerm_role_assignment.grafana_metrics[0].role_definition_name == "Monitoring Data Reader" && azurerm_role_assignment.grafana_azure[0].role_definition_name == "Monitoring Reader"
    error_message = "Grafana may read metrics and logs, and nothing more."
  }

  assert {
    condition     = azurerm_role_assignment.grafana_administrators["deployer"].role_definition_name == "Grafana Admin" && azurerm_role_assignment.grafana_viewers["44444444-4444-4444-4444-444444444444"].role_definition_name == "Grafana Viewer"
    error_message = "People have their roles."
  }

  assert {
    condition     = length(azurerm_dashboard_grafana.this[0].name) <= 23
    error_message = "Azure allows Grafana 23 characters."
  }

  assert {
    condition     = length(azurerm_monitor_data_collection_rule.logs) == 0
    error_message = "Without a workspace no logs are taken."
  }
}

run "logs" {
  command = plan

  variables {
    prometheus    = false
    grafana       = false
    log_analytics = { workspace_id = "/subscriptions/00000000-0000-0000-0000-000000000000/resourceGroups/rg-rayworks/providers/Microsoft.OperationalInsights/workspaces/log-rayworks" }
  }

  assert {
    condition     = azurerm_monitor_data_collection_rule_association.logs[0].name == "ContainerInsightsExtension" && length(azurerm_monitor_workspace.this) == 0
    error_message = "Container logs are taken, and no metrics."
  }
}

run "grafana_without_metrics" {
  command = plan

  variables {
    prometheus = false
  }

  expect_failures = [var.grafana]
}
