output "id" {
  description = "Id of the vault."
  value       = azurerm_key_vault.this.id
}

output "name" {
  description = "Name of the vault."
  value       = azurerm_key_vault.this.name
}

output "uri" {
  description = "Address of the vault."
  value       = azurerm_key_vault.this.vault_uri
}

output "keys" {
  description = "By what they encrypt: `key_id` without a version, `version_id` with the newest one, and the identity that may use it, `identity_id` and `client_id`."
  value = {
    for name, one in azurerm_key_vault_key.this : name => {
      key_id      = one.versionless_id
      version_id  = one.id
      identity_id = azurerm_user_assigned_identity.keys[0].id
      client_id   = azurerm_user_assigned_identity.keys[0].client_id
    }
  }
  depends_on = [azurerm_role_assignment.encryption]
}

output "disk_encryption_set_id" {
  description = "What encrypts disks with the key `disks`; null without one."
  value       = one(azurerm_disk_encryption_set.this[*].id)
}
