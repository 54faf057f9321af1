output "account_id" {
  description = "Id of the storage account."
  value       = azurerm_storage_account.this.id
}

output "account" {
  description = "Name of the storage account."
  value       = azurerm_storage_account.this.name
}

output "uris" {
  description = "URI of each container, as pyarrow and fsspec read it."
  value = {
    for name, one in azurerm_storage_container.this : name => "abfss://${one.name}@${azurerm_storage_account.this.name}.dfs.core.windows.net"
  }
}

output "container_ids" {
  description = "Id of each container."
  value       = { for name, one in azurerm_storage_container.this : name => one.id }
}
