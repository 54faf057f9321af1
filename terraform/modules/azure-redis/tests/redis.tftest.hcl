# Redis for Ray.
mock_provider "azurerm" {}

variables {
  name                = "redis-rayworks-0a1b2c"
  resource_group_name = "rg-rayworks"
  region              = "westus3"
}

run "defaults" {
  command = plan

  assert {
    condition     = azurerm_managed_redis.this.public_network_access == "Disabled" && azurerm_managed_redis.this.default_database[0].client_protocol == "Encrypted"
    error_message = "Redis is asked from the network alone, by TLS."
  }

  assert {
    condition     = azurerm_managed_redis.this.default_database[0].clustering_policy == "NoCluster" && azurerm_managed_redis.this.default_database[0].eviction_policy == "NoEviction"
    error_message = "One shard, as Ray wants it, that forgets nothing."
  }
}

run "own_key" {
  command = plan

  variables {
    own_key = {
      version_id  = "https://kvrayworks.vault.azure.net/keys/redis/0123456789abcdef0123456789abcdef"
      identity_id = "/subscriptions/00000000-0000-0000-0000-000000000000/resourceGroups/rg-rayworks/providers/Microsoft.ManagedIdentity/userAssignedIdentities/id-keys"
    }
  }

  assert {
    condition     = azurerm_managed_redis.this.customer_managed_key[0].key_vault_key_id == "https://kvrayworks.vault.azure.net/keys/redis/0123456789abcdef0123456789abcdef"
    error_message = "It is encrypted with the key."
  }
}

run "name" {
  command = plan

  variables {
    name = "redis_rayworks"
  }

  expect_failures = [var.name]
}

run "several_shards" {
  command = plan

  variables {
    sku = "Balanced_B100"
  }

  expect_failures = [var.sku]
}
