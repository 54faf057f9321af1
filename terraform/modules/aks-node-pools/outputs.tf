output "names" {
  description = "Name in AKS of each node pool, by the name here."
  value       = { for name, one in azurerm_kubernetes_cluster_node_pool.this : name => one.name }
}
