output "id" {
  description = "Id of the registry."
  value       = azurerm_container_registry.this.id
}

output "name" {
  description = "Name of the registry, for `az acr login --name`."
  value       = azurerm_container_registry.this.name
}

output "login_server" {
  description = "Host of the registry."
  value       = azurerm_container_registry.this.login_server
}
