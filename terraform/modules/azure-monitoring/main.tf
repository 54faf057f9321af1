/**
 * # azure-monitoring
 *
 * Managed Prometheus, managed Grafana and Container Insights for a cluster, with the roles that each needs.
 */

# Metrics: AKS scrapes, the rule says where to.
resource "azurerm_monitor_workspace" "this" {
  count = var.prometheus ? 1 : 0

  name                = "amw-${var.name}"
  resource_group_name = var.resource_group_name
  location            = var.region
  tags                = var.tags
}

resource "azurerm_monitor_data_collection_endpoint" "metrics" {
  count = var.prometheus ? 1 : 0

  name                = "dce-${var.name}-metrics"
  resource_group_name = var.resource_group_name
  location            = var.region
  kind                = "Linux"
  tags                = var.tags
}

resource "azurerm_monitor_data_collection_rule" "metrics" {
  count = var.prometheus ? 1 : 0

  name                        = "dcr-${var.name}-metrics"
  resource_group_name         = var.resource_group_name
  location                    = var.region
  kind                        = "Linux"
  data_collection_endpoint_id = azurerm_monitor_data_collection_endpoint.metrics[0].id
  tags                        = var.tags

  data_sources {
    prometheus_forwarder {
      name    = "prometheus"
      streams = ["Microsoft-PrometheusMetrics"]
    }
  }

  destinations {
    monitor_account {
      name               = "workspace"
      monitor_account_id = azurerm_monitor_workspace.this[0].id
    }
  }

  data_flow {
    streams      = ["Microsoft-PrometheusMetrics"]
    destinations = ["workspace"]
  }
}

resource "azurerm_monitor_data_collection_rule_association" "metrics" {
  count = var.prometheus ? 1 : 0

  name                    = "${var.cluster.name}-metrics"
  target_resource_id      = var.cluster.id
  data_collection_rule_id = azurerm_monitor_data_collection_rule.metrics[0].id
}

# Logs: what containers print, Ray's session logs among it.
resource "azurerm_monitor_data_collection_rule" "logs" {
  count = var.log_analytics == null ? 0 : 1

  name                = "dcr-${var.name}-logs"
  resource_group_name = var.resource_group_name
  location            = var.region
  kind                = "Linux"
  tags                = var.tags

  data_sources {
    extension {
      name           = "ContainerInsightsExtension"
      extension_name = "ContainerInsights"
      streams        = ["Microsoft-ContainerLogV2", "Microsoft-KubeEvents", "Microsoft-KubePodInventory"]
      extension_json = jsonencode({
        dataCollectionSettings = {
          interval               = "1m"
          namespaceFilteringMode = "Exclude"
          namespaces             = ["kube-system"]
          enableContainerLogV2   = true
        }
      })
    }
  }

  destinations {
    log_analytics {
      name                  = "workspace"
      workspace_resource_id = var.log_analytics.workspace_id
    }
  }

  data_flow {
    streams      = ["Microsoft-ContainerLogV2", "Microsoft-KubeEvents", "Microsoft-KubePodInventory"]
    destinations = ["workspace"]
  }
}

resource "azurerm_monitor_data_collection_rule_association" "logs" {
  count = var.log_analytics == null ? 0 : 1

  # AKS looks for it by this name.
  name                    = "ContainerInsightsExtension"
  target_resource_id      = var.cluster.id
  data_collection_rule_id = azurerm_monitor_data_collection_rule.logs[0].id
}

resource "azurerm_dashboard_grafana" "this" {
  count = var.grafana ? 1 : 0

  # At most 23 characters.
  name                = "amg-${substr(replace(var.name, "-", ""), 0, 12)}-${var.suffix}"
  resource_group_name = var.resource_group_name
  location            = var.region
  tags                = var.tags

  # The one major version that azurerm 4.65 and 5 both know.
  grafana_major_version         = 12
  sku                           = "Standard"
  api_key_enabled               = false
  public_network_access_enabled = true

  identity {
    type = "SystemAssigned"
  }

  azure_monitor_workspace_integrations {
    resource_id = azurerm_monitor_workspace.this[0].id
  }
}

# To ask the workspace for metrics.
resource "azurerm_role_assignment" "grafana_metrics" {
  count = var.grafana ? 1 : 0

  scope                            = azurerm_monitor_workspace.this[0].id
  role_definition_name             = "Monitoring Data Reader"
  principal_id                     = azurerm_dashboard_grafana.this[0].identity[0].principal_id
  principal_type                   = "ServicePrincipal"
  skip_service_principal_aad_check = true
}

# To show logs and Azure's own metrics of what is in the resource group.
resource "azurerm_role_assignment" "grafana_azure" {
  count = var.grafana ? 1 : 0

  scope                            = var.resource_group_id
  role_definition_name             = "Monitoring Reader"
  principal_id                     = azurerm_dashboard_grafana.this[0].identity[0].principal_id
  principal_type                   = "ServicePrincipal"
  skip_service_principal_aad_check = true
}

resource "azurerm_role_assignment" "grafana_administrators" {
  for_each = var.grafana ? var.grafana_administrators : {}

  scope                = azurerm_dashboard_grafana.this[0].id
  role_definition_name = "Grafana Admin"
  principal_id         = each.value
}

resource "azurerm_role_assignment" "grafana_viewers" {
  for_each = var.grafana ? var.grafana_viewers : []

  scope                = azurerm_dashboard_grafana.this[0].id
  role_definition_name = "Grafana Viewer"
  principal_id         = each.value
  principal_type       = "Group"
}
