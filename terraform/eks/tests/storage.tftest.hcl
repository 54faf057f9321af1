# Where data, checkpoints and results lie.
mock_provider "aws" {
  source = "../mocks/aws"
}

variables {
  authorized_cidrs = ["198.18.0.7/32"]
}

run "lustre" {
  command = plan

  assert {
    condition     = output.storage_class == "rayworks-lustre" && length(module.lustre) == 1 && !can(output.helm_values.storage)
    error_message = "Ray's pods mount Lustre."
  }
}

run "scratch" {
  command = plan

  variables {
    storage = { lustre = { deployment_type = "SCRATCH_2", capacity_gib = 2400 } }
  }

  assert {
    condition     = length(module.lustre) == 1
    error_message = "Scratch file systems are there by choice."
  }
}

run "efs" {
  command = plan

  variables {
    storage = { file_systems = ["efs"] }
  }

  assert {
    condition     = output.storage_class == "rayworks-efs" && length(module.lustre) == 0
    error_message = "EFS is there by choice."
  }
}

run "both" {
  command = plan

  variables {
    storage = { file_systems = ["efs", "lustre"] }
  }

  assert {
    condition     = output.storage_class == "rayworks-lustre" && length(module.lustre) == 1
    error_message = "With both, Lustre is what is mounted."
  }
}

run "neither" {
  command = plan

  variables {
    storage = { file_systems = [] }
  }

  assert {
    condition     = output.storage_class == "" && output.helm_values.storage.claim == "" && output.add_ons.shared_storage == null
    error_message = "Without a file system Ray writes to the bucket."
  }
}

run "unknown" {
  command = plan

  variables {
    storage = { file_systems = ["nfs"] }
  }

  expect_failures = [var.storage]
}

run "zone_elsewhere" {
  command = plan

  variables {
    network = { zones = ["us-west-2a", "us-west-2b"] }
    storage = { lustre = { zone = "us-west-2c" } }
  }

  expect_failures = [var.storage]
}

run "zone_elsewhere_by_default" {
  command = plan

  variables {
    storage = { lustre = { zone = "us-west-2f" } }
  }

  expect_failures = [terraform_data.pools]
}

run "accounts" {
  command = plan

  variables {
    service_accounts = ["ray"]
  }

  expect_failures = [var.service_accounts]
}
