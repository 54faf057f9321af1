output "client_id" {
  description = "Client id of the team's identity."
  value       = module.identity.client_id
}

output "storage_uri" {
  description = "URI of the team's container."
  value       = "abfss://${azurerm_storage_container.this.name}@${element(split("/", var.storage_account_id), length(split("/", var.storage_account_id)) - 1)}.dfs.core.windows.net"
}

output "helm_values" {
  description = "Values for a release of chart ray-team, over the environment's: `global.ray` and `roles`."
  value = {
    global = {
      ray = {
        storage  = { uri = "abfss://${azurerm_storage_container.this.name}@${element(split("/", var.storage_account_id), length(split("/", var.storage_account_id)) - 1)}.dfs.core.windows.net" }
        pools    = try(module.node_pool[0].helm_pools, {})
        identity = { serviceAccount = var.service_account, annotations = { "azure.workload.identity/client-id" = module.identity.client_id } }
      }
    }
    roles = var.members == null ? {} : { deployer = { groups = [var.members] } }
  }
}

output "machines" {
  description = "Its own node pool, as the node pools module describes it; empty without one."
  value       = try(module.node_pool[0].machines, {})
}
