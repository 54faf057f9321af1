# Spot machines beside regular ones, with fallback.
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

run "spot" {
  command = plan

  variables {
    spot = true
  }

  assert {
    condition     = output.node_pools["spot-gpu"].spot && output.node_pools["spot-gpu"].min == 0 && output.node_pools["spot-gpu"].pool == "gpu"
    error_message = "Each pool has spot machines too, from zero, with the pool's label."
  }

  assert {
    condition     = output.helm_values.pools["spot-cpu"].nodeSelector == output.helm_values.pools.cpu.nodeSelector
    error_message = "Pods for spot machines may fall back to the regular ones."
  }

  assert {
    condition     = output.add_ons.spot_first
    error_message = "The autoscaler is to be told to ask spot pools first."
  }
}

run "auto" {
  command = plan

  variables {
    spot              = true
    node_provisioning = "auto"
  }

  assert {
    condition     = output.add_ons.spot_first == false && output.node_pools["spot-cpu"].spot
    error_message = "Node auto-provisioning knows the order by itself."
  }
}
