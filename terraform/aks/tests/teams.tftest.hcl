# A team: identity, container, nodes of its own.
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

run "two" {
  command = plan

  variables {
    teams = {
      red  = { members = "44444444-4444-4444-4444-444444444444", node_pool = { size = "Standard_NC24ads_A100_v4", max = 2, spot = true } }
      blue = { namespaces = ["blue", "blue-dev"] }
    }
  }

  assert {
    condition     = output.node_pools["red"].taints == tolist(["rayworks.io/team=red:NoSchedule"]) && output.node_pools["spot-red"].spot
    error_message = "Red has machines that keep others out, spot ones among them."
  }

  assert {
    condition     = contains([for one in output.add_ons.teams["red"].global.ray.pools.red.tolerations : one.key], "rayworks.io/team")
    error_message = "Red's pods bear the taint."
  }

  assert {
    condition     = length(output.add_ons.teams["blue"].global.ray.pools) == 0 && length(output.add_ons.teams["blue"].roles) == 0
    error_message = "Blue uses the shared machines, and has no group."
  }
}

run "a_pools_name" {
  command = plan

  variables {
    teams = { gpu = {} }
  }

  expect_failures = [var.teams]
}

run "a_spot_pools_name" {
  command = plan

  variables {
    teams = { spotty = {} }
  }

  expect_failures = [var.teams]
}
