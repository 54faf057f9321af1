/**
 * # azure-storage
 *
 * A storage account with a hierarchical namespace, closed to the internet and to keys, with containers and who may write
 * to them.
 */

resource "azurerm_storage_account" "this" {
  #checkov:skip=CKV_AZURE_33: there are no queues in it
  #checkov:skip=CKV_AZURE_36: nothing of Microsoft's has to come in
  #checkov:skip=CKV_AZURE_59: public access is off unless public_cidrs names addresses, and denied to all others
  #checkov:skip=CKV_AZURE_206: variable replication says how many copies; three zones by default
  #checkov:skip=CKV2_AZURE_33: the private endpoint is module azure-private-endpoints'

  name                = var.account
  resource_group_name = var.resource_group_name
  location            = var.region
  tags                = var.tags

  account_kind             = var.tier == "Premium" ? "BlockBlobStorage" : "StorageV2"
  account_tier             = var.tier
  account_replication_type = var.replication
  # Renames are one step, as checkpoints want them.
  is_hns_enabled = true

  public_network_access_enabled    = length(var.public_cidrs) > 0
  allow_nested_items_to_be_public  = false
  shared_access_key_enabled        = false
  default_to_oauth_authentication  = true
  local_user_enabled               = false
  cross_tenant_replication_enabled = false
  https_traffic_only_enabled       = true
  min_tls_version                  = "TLS1_2"

  network_rules {
    default_action = "Deny"
    bypass         = ["None"]
    # Azure refuses /31 and /32, and wants single addresses bare.
    ip_rules = [for cidr in var.public_cidrs : endswith(cidr, "/32") ? trimsuffix(cidr, "/32") : cidr]
  }

  blob_properties {
    delete_retention_policy {
      days = var.retention_days
    }

    container_delete_retention_policy {
      days = var.retention_days
    }
  }

  dynamic "identity" {
    for_each = var.own_key == null ? [] : [var.own_key]

    content {
      type         = "UserAssigned"
      identity_ids = [identity.value.identity_id]
    }
  }

  dynamic "customer_managed_key" {
    for_each = var.own_key == null ? [] : [var.own_key]

    content {
      key_vault_key_id          = customer_managed_key.value.key_id
      user_assigned_identity_id = customer_managed_key.value.identity_id
    }
  }
}

resource "azurerm_storage_container" "this" {
  #checkov:skip=CKV2_AZURE_21: a log of each read of training data would be larger than the data

  for_each = var.containers

  name                  = each.key
  storage_account_id    = azurerm_storage_account.this.id
  container_access_type = "private"
}

resource "azurerm_role_assignment" "writers" {
  for_each = var.writers

  scope                            = azurerm_storage_container.this[each.value.container].id
  role_definition_name             = "Storage Blob Data Contributor"
  principal_id                     = each.value.principal_id
  principal_type                   = "ServicePrincipal"
  skip_service_principal_aad_check = true
}

# Keys are off, so that this role opens no data.
resource "azurerm_role_assignment" "controllers" {
  for_each = var.controllers

  scope                            = azurerm_storage_account.this.id
  role_definition_name             = "Storage Account Contributor"
  principal_id                     = each.value
  principal_type                   = "ServicePrincipal"
  skip_service_principal_aad_check = true
}
