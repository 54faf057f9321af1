output "cluster_name" {
  description = "The cluster, once the add-ons are active: what needs them takes its name from here."
  value       = var.cluster_name
  depends_on  = [aws_eks_addon.this]
}

output "versions" {
  description = "Version of each add-on, once it is active."
  value       = { for name, addon in aws_eks_addon.this : name => addon.addon_version }
}
