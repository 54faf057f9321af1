# Karpenter in place of node groups.
mock_provider "aws" {
  source = "../mocks/aws"
}

variables {
  authorized_cidrs = ["198.18.0.7/32"]
}

run "controller" {
  command = plan

  variables {
    node_provisioning = "auto"
  }

  assert {
    condition     = output.add_ons.cluster_autoscaler == null && length(module.karpenter) == 1 && join(" ", keys(module.node_groups.autoscaling_groups)) == "head"
    error_message = "Karpenter makes all nodes but those that it runs on."
  }
}

run "groups" {
  command = plan

  assert {
    condition     = output.add_ons.karpenter == null && length(module.karpenter) == 0 && length(module.node_groups.autoscaling_groups) == 4
    error_message = "With node groups there is no Karpenter."
  }
}

run "the_same_pools" {
  command = plan

  variables {
    node_provisioning = "auto"
  }

  assert {
    condition     = join(" ", keys(output.node_pools)) == "cpu gpu head memory"
    error_message = "Pools are the same in both variants."
  }
}

run "kept" {
  command = plan

  variables {
    node_provisioning = "auto"
    cpu_pool          = { min = 1 }
  }

  expect_failures = [terraform_data.pools]
}
