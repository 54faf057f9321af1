output "id" {
  description = "Id of the Redis."
  value       = azurerm_managed_redis.this.id
}

output "address" {
  description = "Address with TLS, `rediss://host:port`."
  value       = "rediss://${azurerm_managed_redis.this.hostname}:${azurerm_managed_redis.this.default_database[0].port}"
}

output "password_command" {
  description = "Command that prints the password, which no output of Terraform has."
  value       = "az redisenterprise database list-keys --resource-group ${var.resource_group_name} --cluster-name ${azurerm_managed_redis.this.name} --query primaryKey --output tsv"
}
