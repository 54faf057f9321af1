output "id" {
  description = "Id of the cluster."
  value       = azurerm_kubernetes_cluster.this.id
}

output "name" {
  description = "Name of the cluster."
  value       = azurerm_kubernetes_cluster.this.name
}

output "oidc_issuer_url" {
  description = "Issuer of the service accounts' tokens, which federated credentials trust."
  value       = azurerm_kubernetes_cluster.this.oidc_issuer_url
}

output "nodes_principal_id" {
  description = "Principal as which nodes pull images."
  value       = azurerm_user_assigned_identity.nodes.principal_id
}

output "identity_principal_id" {
  description = "Principal as which the control plane acts."
  value       = azurerm_user_assigned_identity.cluster.principal_id
}


output "get_credentials_command" {
  description = "Command that writes a kubeconfig to the file `$KUBECONFIG`, for who is logged in to Azure."
  value = join(" && ", [
    "az aks get-credentials --resource-group ${var.resource_group_name} --name ${azurerm_kubernetes_cluster.this.name} --file \"$KUBECONFIG\" --overwrite-existing",
    "kubelogin convert-kubeconfig --login azurecli --kubeconfig \"$KUBECONFIG\"",
  ])
}
