# Node pools that the cluster autoscaler sizes, the default.
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

run "defaults" {
  command = plan

  assert {
    condition     = toset(keys(module.node_pools.machines)) == toset(["cpu", "gpu", "memory"])
    error_message = "There are pools for CPUs, memory and GPUs."
  }

  assert {
    condition     = module.node_pools.machines["cpu"].min == 1 && module.node_pools.machines["memory"].min == 0
    error_message = "One CPU node is always there, and none of the others."
  }

  assert {
    condition     = output.node_pools["cpu"].vcpus == 16 && output.node_pools["gpu"].gpus == 1
    error_message = "The output says what machines are made of."
  }

  assert {
    condition     = output.add_ons.node_pools == null && output.add_ons.spot_first == false
    error_message = "No add-on for nodes is wanted."
  }
}

run "sizes_of_ones_own" {
  command = plan

  variables {
    cpu_pool    = { size = "Standard_D8s_v5", min = 2, max = 4 }
    memory_pool = { size = "Standard_E32s_v5", max = 1 }
  }

  assert {
    condition     = output.helm_values.pools.cpu.sizes.large.requests.cpu == "7" && output.helm_values.pools.memory.sizes.large.requests.memory == "217Gi"
    error_message = "The charts' sizes follow the machines."
  }
}

run "an_empty_cpu_pool" {
  command = plan

  variables {
    cpu_pool = { min = 0 }
  }

  expect_failures = [var.cpu_pool]
}
