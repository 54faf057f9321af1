output "grafana_url" {
  description = "Address of Grafana; null without one."
  value       = one(azurerm_dashboard_grafana.this[*].endpoint)
}

output "grafana_name" {
  description = "Name of Grafana, for `az grafana`; null without one."
  value       = one(azurerm_dashboard_grafana.this[*].name)
}

output "prometheus_url" {
  description = "Where PromQL is asked; null without a workspace."
  value       = one(azurerm_monitor_workspace.this[*].query_endpoint)
}
