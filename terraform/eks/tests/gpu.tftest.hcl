# GPUs: what has them, shares them and cuts them.
mock_provider "aws" {
  source = "../mocks/aws"
}

variables {
  authorized_cidrs = ["198.18.0.7/32"]
}

run "in_turns" {
  command = plan

  variables {
    gpu_sharing = 4
  }

  assert {
    condition     = output.node_pools.gpu.gpus == 4 && output.helm_values.pools.gpu.sizes.small.requests.cpu == "3" && output.add_ons.nvidia_device_plugin.sharing == 4
    error_message = "Four pods share a GPU, and a quarter of the machine is for each."
  }
}

run "by_mig" {
  command = plan

  variables {
    gpu_pools = { gpu = { size = "g4dn.4xlarge" }, a100 = { size = "p4d.24xlarge", mig = "all-1g.5gb" } }
  }

  assert {
    condition     = output.node_pools.a100.gpus == 56 && output.node_pools.a100.labels["nvidia.com/mig.config"] == "all-1g.5gb" && output.add_ons.nvidia_device_plugin == null && output.add_ons.gpu_operator
    error_message = "Each of eight GPUs is cut into seven, by the GPU operator."
  }
}

run "cpu_machine" {
  command = plan

  variables {
    gpu_pools = { gpu = { size = "m5.4xlarge" } }
  }

  expect_failures = [var.gpu_pools]
}

run "cpu_machine_in_its_place" {
  command = plan

  variables {
    gpu_pools = { gpu = { size = "g4dn.4xlarge", alternatives = ["m5.4xlarge"] } }
  }

  expect_failures = [var.gpu_pools]
}

run "other_number" {
  command = plan

  variables {
    gpu_pools = { gpu = { size = "g4dn.8xlarge", alternatives = ["g4dn.12xlarge"] } }
  }

  expect_failures = [terraform_data.pools]
}

run "name_of_another" {
  command = plan

  variables {
    gpu_pools = { cpu = { size = "g4dn.4xlarge" } }
  }

  expect_failures = [var.gpu_pools]
}

run "name_too_long" {
  command = plan

  variables {
    gpu_pools = { thelargeone = { size = "g4dn.4xlarge" } }
  }

  expect_failures = [var.gpu_pools]
}

run "mig_without_a_profile" {
  command = plan

  variables {
    gpu_pools = { gpu = { size = "p4d.24xlarge", mig = "1g.5gb" } }
  }

  expect_failures = [var.gpu_pools]
}

run "mig_of_a_t4" {
  command = plan

  variables {
    gpu_pools = { gpu = { size = "g4dn.4xlarge", mig = "all-1g.5gb" } }
  }

  expect_failures = [var.gpu_pools]
}

run "mig_and_turns" {
  command = plan

  variables {
    gpu_sharing = 2
    gpu_pools   = { gpu = { size = "p4d.24xlarge", mig = "all-1g.5gb" } }
  }

  expect_failures = [var.gpu_sharing]
}

run "half_a_share" {
  command = plan

  variables {
    gpu_sharing = 1.5
  }

  expect_failures = [var.gpu_sharing]
}

run "no_share" {
  command = plan

  variables {
    gpu_sharing = 0
  }

  expect_failures = [var.gpu_sharing]
}
