# Keys of one's own.
mock_provider "azurerm" {
  mock_data "azurerm_client_config" {
    defaults = {
      subscription_id = "00000000-0000-0000-0000-000000000000"
      tenant_id       = "11111111-1111-1111-1111-111111111111"
      client_id       = "22222222-2222-2222-2222-222222222222"
      object_id       = "33333333-3333-3333-3333-333333333333"
    }
  }
}

variables {
  authorized_cidrs = ["198.18.0.7/32"]
}

run "on" {
  command = plan

  variables {
    own_keys = true
    registry = { sku = "Premium" }
    redis    = {}
  }

  assert {
    condition     = toset(keys(module.vault.keys)) == toset(["disks", "redis", "registry", "storage"])
    error_message = "Disks, Redis, images and storage have a key each."
  }
}

run "a_registry_that_takes_none" {
  command = plan

  variables {
    own_keys = true
  }

  expect_failures = [var.own_keys]
}

run "a_vault_that_nobody_reaches" {
  command = plan

  variables {
    own_keys         = true
    registry         = { sku = "Premium" }
    private_cluster  = true
    authorized_cidrs = []
  }

  expect_failures = [var.own_keys]
}
