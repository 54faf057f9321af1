/**
 * # azure-redis
 *
 * Azure Managed Redis as Ray wants it for GCS fault tolerance: one shard, TLS, nothing evicted. Its password is in no
 * output; `password_command` prints it.
 */

resource "azurerm_managed_redis" "this" {
  name                = var.name
  resource_group_name = var.resource_group_name
  location            = var.region
  tags                = var.tags

  sku_name                  = var.sku
  high_availability_enabled = var.high_availability
  public_network_access     = "Disabled"

  default_database {
    client_protocol = "Encrypted"
    # One shard behind one address: Ray refuses a cluster of several.
    clustering_policy = "NoCluster"
    # An evicted key is a cluster that forgets its actors.
    eviction_policy = "NoEviction"
    # Ray knows no tokens of Entra, which end after an hour.
    access_keys_authentication_enabled = true
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
      key_vault_key_id          = customer_managed_key.value.version_id
      user_assigned_identity_id = customer_managed_key.value.identity_id
    }
  }
}
