# Secrets and keys.
mock_provider "azurerm" {}

variables {
  name                = "kvrayworks0a1b2c"
  resource_group_name = "rg-rayworks"
  region              = "westus3"
  tenant_id           = "11111111-1111-1111-1111-111111111111"
}

run "closed" {
  command = plan

  assert {
    condition     = !azurerm_key_vault.this.public_network_access_enabled && azurerm_key_vault.this.network_acls[0].default_action == "Deny" && azurerm_key_vault.this.rbac_authorization_enabled
    error_message = "The vault is closed, and roles say who may do what."
  }

  assert {
    condition     = length(azurerm_key_vault_key.this) == 0 && length(azurerm_user_assigned_identity.keys) == 0
    error_message = "There are no keys that nobody asked for."
  }
}

run "keys" {
  command = plan

  variables {
    authorized_cidrs = ["198.18.0.7/32"]
    writers          = { deployer = "33333333-3333-3333-3333-333333333333" }
    readers          = { external-secrets = "55555555-5555-5555-5555-555555555555" }
    keys             = ["disks", "storage"]
  }

  assert {
    condition     = azurerm_key_vault.this.purge_protection_enabled && azurerm_key_vault_key.this["disks"].rotation_policy[0].expire_after == "P2Y"
    error_message = "Keys cannot be lost, and are renewed."
  }

  assert {
    condition     = azurerm_role_assignment.keys["deployer"].role_definition_name == "Key Vault Crypto Officer" && azurerm_role_assignment.readers["external-secrets"].role_definition_name == "Key Vault Secrets User"
    error_message = "Each has the one role that it needs."
  }

  assert {
    condition     = length(azurerm_disk_encryption_set.this) == 1 && azurerm_disk_encryption_set.this[0].auto_key_rotation_enabled
    error_message = "Disks follow the newest key."
  }
}

run "name" {
  command = plan

  variables {
    name = "kv--rayworks"
  }

  expect_failures = [var.name]
}
