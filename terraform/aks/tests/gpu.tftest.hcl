# GPU pools: from zero, several kinds, and none.
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

run "several" {
  command = plan

  variables {
    gpu_pools = {
      gpu  = { size = "Standard_NC8as_T4_v3", max = 4 }
      h100 = { size = "Standard_ND96isr_H100_v5", max = 2, zones = ["1"] }
      mig  = { size = "Standard_NC24ads_A100_v4", max = 1, mig = "MIG1g" }
    }
    gpu_sharing = 4
  }

  assert {
    condition     = alltrue([for name in ["gpu", "h100", "mig"] : output.node_pools[name].min == 0])
    error_message = "GPU nodes come from zero."
  }

  assert {
    condition     = output.helm_values.pools.h100.sizes.small.requests.cpu == "2" && output.helm_values.pools.h100.sizes.large.requests.cpu == "84"
    error_message = "Small is the share of a quarter of a GPU, large the whole machine."
  }

  assert {
    condition     = output.node_pools["mig"].gpus == 28 && output.add_ons.nvidia_device_plugin.mig_strategy == "single"
    error_message = "A cut GPU counts as its parts, and the device plugin is told."
  }

  assert {
    condition     = yamldecode(output.add_ons.nvidia_device_plugin.config).sharing.timeSlicing.resources[0].replicas == 4
    error_message = "The device plugin is told how many pods share a GPU."
  }
}

run "none" {
  command = plan

  variables {
    gpu_pools = {}
  }

  assert {
    condition     = output.helm_values.pools.gpu.accelerator.resource == "none" && output.helm_values.pools.gpu.fallback == "cpu"
    error_message = "What asks for GPUs gets CPUs."
  }

  assert {
    condition     = output.add_ons.nvidia_device_plugin == null && output.add_ons.dcgm_exporter == null
    error_message = "No add-on for GPUs is wanted."
  }
}

run "a_size_without_a_gpu" {
  command = plan

  variables {
    gpu_pools = { gpu = { size = "Standard_D16s_v5" } }
  }

  expect_failures = [var.gpu_pools]
}

run "another_pools_name" {
  command = plan

  variables {
    gpu_pools = { memory = { size = "Standard_NC24ads_A100_v4" } }
  }

  expect_failures = [var.gpu_pools]
}

run "half_a_share" {
  command = plan

  variables {
    gpu_sharing = 1.5
  }

  expect_failures = [var.gpu_sharing]
}
