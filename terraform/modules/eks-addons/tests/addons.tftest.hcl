# Versions and settings of add-ons, and what is refused.
mock_provider "aws" {
  source = "../../mocks/aws"
}

variables {
  cluster_name = "rayworks"
  addons       = { coredns = {} }
}

run "as_asked" {
  command = plan

  variables {
    addons = { coredns = { version = "v1.12.4-eksbuild.1" } }
  }

  assert {
    condition     = aws_eks_addon.this["coredns"].addon_version == "v1.12.4-eksbuild.1" && aws_eks_addon.this["coredns"].resolve_conflicts_on_update == "OVERWRITE"
    error_message = "The version is the one that is pinned."
  }
}

run "version" {
  command = plan

  variables {
    addons = { coredns = { version = "1.12.4" } }
  }

  expect_failures = [var.addons]
}

run "settings" {
  command = plan

  variables {
    addons = { coredns = { configuration = "replicas: 2" } }
  }

  expect_failures = [var.addons]
}
