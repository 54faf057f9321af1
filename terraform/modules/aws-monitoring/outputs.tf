output "log_groups" {
  description = "Log groups by what is in them: `ray` (session logs), `containers` (what they print)."
  value       = { for key, group in aws_cloudwatch_log_group.this : key => { name = group.name, arn = group.arn } }
}

output "prometheus_endpoint" {
  description = "URL of the managed Prometheus' API, ending with a slash; null without one."
  value       = one(aws_prometheus_workspace.this[*].prometheus_endpoint)
}

output "grafana_url" {
  description = "URL of the managed Grafana; null without one."
  value       = one([for workspace in aws_grafana_workspace.this : "https://${workspace.endpoint}"])
}

output "container_insights_role_arn" {
  description = "Role of the CloudWatch agent; null without it."
  value       = one(module.container_insights[*].role_arn)
}
