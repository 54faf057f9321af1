# The account, who reaches it, and what is refused.
mock_provider "azurerm" {}

variables {
  account             = "strayworks0a1b2c"
  resource_group_name = "rg-rayworks-data"
  region              = "westus3"
  containers          = ["ray"]
}

run "private" {
  command = plan

  assert {
    condition = alltrue([
      azurerm_storage_account.this.public_network_access_enabled == false,
      azurerm_storage_account.this.shared_access_key_enabled == false,
      azurerm_storage_account.this.allow_nested_items_to_be_public == false,
      azurerm_storage_account.this.network_rules[0].default_action == "Deny",
    ])
    error_message = "Nobody comes in from the internet, with a key, or without a name."
  }

  assert {
    condition     = azurerm_storage_account.this.is_hns_enabled && azurerm_storage_account.this.account_kind == "StorageV2"
    error_message = "The account has a hierarchical namespace."
  }

  assert {
    condition     = output.uris["ray"] == "abfss://ray@strayworks0a1b2c.dfs.core.windows.net"
    error_message = "The URI is what pyarrow reads."
  }
}

run "premium_with_addresses_and_a_key" {
  command = plan

  variables {
    tier         = "Premium"
    replication  = "LRS"
    public_cidrs = ["198.18.0.7/32", "198.18.1.0/24"]
    writers      = { ray = { principal_id = "55555555-5555-5555-5555-555555555555", container = "ray" } }
    own_key = {
      key_id      = "https://kvrayworks.vault.azure.net/keys/storage"
      identity_id = "/subscriptions/00000000-0000-0000-0000-000000000000/resourceGroups/rg-rayworks/providers/Microsoft.ManagedIdentity/userAssignedIdentities/id-keys"
    }
  }

  assert {
    condition     = azurerm_storage_account.this.account_kind == "BlockBlobStorage" && azurerm_storage_account.this.network_rules[0].ip_rules == toset(["198.18.0.7", "198.18.1.0/24"])
    error_message = "A single address stands bare, as Azure wants it."
  }

  assert {
    condition     = azurerm_storage_account.this.customer_managed_key[0].key_vault_key_id == "https://kvrayworks.vault.azure.net/keys/storage"
    error_message = "The account is encrypted with the key."
  }

  assert {
    condition     = azurerm_role_assignment.writers["ray"].role_definition_name == "Storage Blob Data Contributor"
    error_message = "Ray writes to its container."
  }
}

run "account" {
  command = plan

  variables {
    account = "st-rayworks"
  }

  expect_failures = [var.account]
}

run "container" {
  command = plan

  variables {
    containers = ["Ray"]
  }

  expect_failures = [var.containers]
}

run "tier" {
  command = plan

  variables {
    tier = "Hot"
  }

  expect_failures = [var.tier]
}

run "replication" {
  command = plan

  variables {
    tier        = "Premium"
    replication = "GRS"
  }

  expect_failures = [var.replication]
}

run "retention" {
  command = plan

  variables {
    retention_days = 0
  }

  expect_failures = [var.retention_days]
}

run "writers_of_nothing" {
  command = plan

  variables {
    writers = { ray = { principal_id = "55555555-5555-5555-5555-555555555555", container = "data" } }
  }

  expect_failures = [var.writers]
}
