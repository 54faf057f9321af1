/**
 * # azure-vault
 *
 * A key vault for secrets, and keys of one's own with what may use them.
 */

resource "azurerm_key_vault" "this" {
  #checkov:skip=CKV_AZURE_189: public access is off unless authorized_cidrs names addresses, and denied to all others
  #checkov:skip=CKV2_AZURE_32: the private endpoint is module azure-private-endpoints'

  name                = var.name
  location            = var.region
  resource_group_name = var.resource_group_name
  tenant_id           = var.tenant_id
  sku_name            = "standard"
  tags                = var.tags

  rbac_authorization_enabled    = true
  soft_delete_retention_days    = 7
  purge_protection_enabled      = true
  public_network_access_enabled = length(var.authorized_cidrs) > 0

  network_acls {
    default_action = "Deny"
    # Storage, disks and registry, for their keys.
    bypass   = "AzureServices"
    ip_rules = var.authorized_cidrs
  }
}

resource "azurerm_role_assignment" "readers" {
  for_each = var.readers

  scope                            = azurerm_key_vault.this.id
  role_definition_name             = "Key Vault Secrets User"
  principal_id                     = each.value
  principal_type                   = "ServicePrincipal"
  skip_service_principal_aad_check = true
}

resource "azurerm_role_assignment" "secrets" {
  for_each = var.writers

  scope                = azurerm_key_vault.this.id
  role_definition_name = "Key Vault Secrets Officer"
  principal_id         = each.value
}

resource "azurerm_role_assignment" "keys" {
  for_each = length(var.keys) > 0 ? var.writers : {}

  scope                = azurerm_key_vault.this.id
  role_definition_name = "Key Vault Crypto Officer"
  principal_id         = each.value
}

resource "azurerm_key_vault_key" "this" {
  #checkov:skip=CKV_AZURE_40: rotation_policy gives each version an end, and makes the next one before it
  #checkov:skip=CKV_AZURE_112: a key in an HSM needs the vault's sku premium, and is paid for by the month

  for_each = var.keys

  name         = each.key
  key_vault_id = azurerm_key_vault.this.id
  key_type     = "RSA"
  key_size     = 3072
  key_opts     = ["unwrapKey", "wrapKey"]
  tags         = var.tags

  # Services follow by the id without a version.
  rotation_policy {
    expire_after         = "P2Y"
    notify_before_expiry = "P30D"

    automatic {
      time_before_expiry = "P60D"
    }
  }

  depends_on = [azurerm_role_assignment.keys]
}

resource "azurerm_user_assigned_identity" "keys" {
  count = length(var.keys) > 0 ? 1 : 0

  name                = "id-${var.name}-keys"
  location            = var.region
  resource_group_name = var.resource_group_name
  tags                = var.tags
}

resource "azurerm_role_assignment" "encryption" {
  count = length(var.keys) > 0 ? 1 : 0

  scope                            = azurerm_key_vault.this.id
  role_definition_name             = "Key Vault Crypto Service Encryption User"
  principal_id                     = azurerm_user_assigned_identity.keys[0].principal_id
  principal_type                   = "ServicePrincipal"
  skip_service_principal_aad_check = true
}

resource "azurerm_disk_encryption_set" "this" {
  count = contains(var.keys, "disks") ? 1 : 0

  name                      = "des-${var.name}"
  location                  = var.region
  resource_group_name       = var.resource_group_name
  key_vault_key_id          = azurerm_key_vault_key.this["disks"].versionless_id
  auto_key_rotation_enabled = true
  tags                      = var.tags

  identity {
    type         = "UserAssigned"
    identity_ids = [azurerm_user_assigned_identity.keys[0].id]
  }

  depends_on = [azurerm_role_assignment.encryption]
}
