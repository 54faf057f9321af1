# Add-ons and upgrades.
mock_provider "aws" {
  source = "../mocks/aws"
}

variables {
  authorized_cidrs = ["198.18.0.7/32"]
}

run "by_default" {
  command = plan

  assert {
    condition     = output.add_ons.kueue && output.add_ons.external_secrets && !output.add_ons.opencost
    error_message = "Queues and secrets come by default."
  }
}

run "left_out" {
  command = plan

  variables {
    add_ons = { kueue = false, external_secrets = false, opencost = true }
  }

  assert {
    condition     = !output.add_ons.kueue && !output.add_ons.external_secrets && output.add_ons.opencost
    error_message = "Each can be chosen."
  }
}

run "pinned" {
  command = plan

  variables {
    upgrades = { add_ons = { coredns = "v1.12.4-eksbuild.1" }, support_type = "EXTENDED" }
  }

  assert {
    condition     = output.cluster_name == "rayworks"
    error_message = "A version can be pinned."
  }
}

run "not_installed" {
  command = plan

  variables {
    upgrades = { add_ons = { aws-efs-csi-driver = "v2.1.0-eksbuild.1" } }
  }

  expect_failures = [var.upgrades]
}
