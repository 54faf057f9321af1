# Node auto-provisioning, by one variable.
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

run "auto" {
  command = plan

  variables {
    node_provisioning = "auto"
    cpu_pool          = { min = 0 }
  }

  assert {
    condition     = output.add_ons.node_pools.zones == ["westus3-1", "westus3-2", "westus3-3"]
    error_message = "The add-on is told which zones."
  }

  assert {
    condition     = output.node_pools["gpu"].max == 3 && output.helm_values.pools.gpu.nodeSelector["rayworks.io/pool"] == "gpu"
    error_message = "Pools are described as with node pools, for NodePools to be made of them."
  }
}

run "another_word" {
  command = plan

  variables {
    node_provisioning = "karpenter"
  }

  expect_failures = [var.node_provisioning]
}
