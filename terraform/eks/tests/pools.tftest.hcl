# Pools: machines, numbers, and what pods see of them.
mock_provider "aws" {
  source = "../mocks/aws"
}

variables {
  authorized_cidrs = ["198.18.0.7/32"]
}

run "sizes_of_the_machine" {
  command = plan

  variables {
    cpu_pool = { size = "m6i.8xlarge" }
  }

  assert {
    condition     = output.helm_values.pools.cpu.sizes.large.requests.cpu == "28" && output.helm_values.pools.cpu.sizes.small.requests.memory == "27Gi"
    error_message = "Sizes follow the machine."
  }
}

run "heads_have_their_own" {
  command = plan

  assert {
    condition     = output.node_pools.head.min == 2 && !output.node_pools.head.spot && output.helm_values.pools.head.sizes.small.numCpus == 0
    error_message = "Heads are never on spot machines, and run no tasks."
  }
}

run "gpus_by_the_machine" {
  command = plan

  variables {
    gpu_pools = { gpu = { size = "g5.12xlarge" } }
  }

  assert {
    condition     = output.helm_values.pools.gpu.sizes.small.requests.cpu == "10" && output.helm_values.pools.gpu.sizes.large.requests.cpu == "42" && output.node_pools.gpu.gpus == 4
    error_message = "Small is a GPU's share of the machine."
  }
}

run "further_pools" {
  command = plan

  variables {
    gpu_pools = { gpu = { size = "g4dn.4xlarge" }, h100 = { size = "p5.48xlarge" } }
  }

  assert {
    condition     = output.helm_values.pools.h100.accelerator.resource == "nvidia.com/gpu" && output.node_pools.h100.taints[0].key == "nvidia.com/gpu"
    error_message = "Each pool of GPUs has the one taint."
  }
}

run "without_gpus" {
  command = plan

  variables {
    gpu_pools = {}
  }

  assert {
    condition     = output.helm_values.pools.gpu == { accelerator = { resource = "none" }, fallback = "cpu" } && output.add_ons.nvidia_device_plugin == null && !output.add_ons.dcgm_exporter
    error_message = "Without GPUs, what asks for one gets CPUs."
  }
}

run "machines_alike" {
  command = plan

  variables {
    cpu_pool = { alternatives = ["m6i.4xlarge", "m7i.8xlarge"] }
  }

  assert {
    condition     = join(" ", output.node_pools.cpu.sizes) == "m5.4xlarge m6i.4xlarge m7i.8xlarge"
    error_message = "Others of the size or larger may be taken for it."
  }
}

run "unknown" {
  command = plan

  variables {
    cpu_pool = { size = "m5.metal" }
  }

  expect_failures = [terraform_data.pools]
}

run "too_small" {
  command = plan

  variables {
    cpu_pool = { size = "m5.large" }
  }

  expect_failures = [terraform_data.pools]
}

run "smaller" {
  command = plan

  variables {
    cpu_pool = { alternatives = ["m5.2xlarge"] }
  }

  expect_failures = [terraform_data.pools]
}

run "less_memory" {
  command = plan

  variables {
    memory_pool = { alternatives = ["m5.4xlarge"] }
  }

  expect_failures = [terraform_data.pools]
}

run "max_below_min" {
  command = plan

  variables {
    cpu_pool = { min = 4, max = 2 }
  }

  expect_failures = [terraform_data.pools]
}

run "no_node_at_all" {
  command = plan

  variables {
    memory_pool = { max = 0 }
  }

  expect_failures = [terraform_data.pools]
}

run "zone_elsewhere" {
  command = plan

  variables {
    cpu_pool = { zones = ["us-west-2f"] }
  }

  expect_failures = [terraform_data.pools]
}

run "one_system_node" {
  command = plan

  variables {
    system_pool = { min = 1 }
  }

  expect_failures = [var.system_pool]
}

run "unknown_variant" {
  command = plan

  variables {
    node_provisioning = "fargate"
  }

  expect_failures = [var.node_provisioning]
}
