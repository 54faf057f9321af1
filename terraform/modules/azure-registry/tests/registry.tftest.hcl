# The registry, and what is refused.
mock_provider "azurerm" {}

variables {
  name                = "crrayworks0a1b2c"
  resource_group_name = "rg-rayworks"
  region              = "westus3"
}

run "defaults" {
  command = plan

  variables {
    pullers = { nodes = "55555555-5555-5555-5555-555555555555" }
    pushers = { deployer = "33333333-3333-3333-3333-333333333333" }
  }

  assert {
    condition     = !azurerm_container_registry.this.admin_enabled && !azurerm_container_registry.this.anonymous_pull_enabled
    error_message = "Nobody pulls without an identity."
  }

  assert {
    condition     = azurerm_role_assignment.pull["nodes"].role_definition_name == "AcrPull" && azurerm_role_assignment.push["deployer"].role_definition_name == "AcrPush"
    error_message = "Nodes pull, and who builds pushes."
  }
}

run "premium" {
  command = plan

  variables {
    sku     = "Premium"
    private = true
    own_key = {
      key_id      = "https://kvrayworks.vault.azure.net/keys/registry"
      identity_id = "/subscriptions/00000000-0000-0000-0000-000000000000/resourceGroups/rg-rayworks/providers/Microsoft.ManagedIdentity/userAssignedIdentities/id-keys"
      client_id   = "66666666-6666-6666-6666-666666666666"
    }
  }

  assert {
    condition     = !azurerm_container_registry.this.public_network_access_enabled && length(azurerm_container_registry.this.encryption) == 1
    error_message = "It is closed, and encrypted with the key."
  }
}

run "name" {
  command = plan

  variables {
    name = "cr-rayworks"
  }

  expect_failures = [var.name]
}

run "sku" {
  command = plan

  variables {
    sku = "Classic"
  }

  expect_failures = [var.sku]
}

run "private_and_standard" {
  command = plan

  variables {
    private = true
  }

  expect_failures = [var.private]
}

run "a_key_and_standard" {
  command = plan

  variables {
    own_key = { key_id = "x", identity_id = "x", client_id = "x" }
  }

  expect_failures = [var.own_key]
}
