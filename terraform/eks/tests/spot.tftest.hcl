# Spot machines beside the regular ones.
mock_provider "aws" {
  source = "../mocks/aws"
}

variables {
  authorized_cidrs = ["198.18.0.7/32"]
}

run "twins" {
  command = plan

  variables {
    spot = true
  }

  assert {
    condition     = output.node_pools["spot-cpu"].spot && output.node_pools["spot-cpu"].pool == "cpu" && output.node_pools["spot-cpu"].min == 0 && !output.node_pools.cpu.spot
    error_message = "Each pool has a twin, whose nodes bear its label."
  }
}

run "asked_first" {
  command = plan

  variables {
    spot = true
  }

  assert {
    condition     = output.add_ons.cluster_autoscaler.expander == "priority,least-waste" && strcontains(output.add_ons.cluster_autoscaler.priorities, "eks-spot-")
    error_message = "The autoscaler asks spot machines first."
  }
}

run "tolerated_by_who_asks" {
  command = plan

  variables {
    spot = true
  }

  assert {
    condition     = join(" ", [for one in output.helm_values.pools["spot-gpu"].tolerations : one.key]) == "nvidia.com/gpu rayworks.io/spot" && join(" ", [for one in output.helm_values.pools.gpu.tolerations : one.key]) == "nvidia.com/gpu"
    error_message = "Only pods of spot pools bear their taint."
  }
}

run "none" {
  command = plan

  assert {
    condition     = !anytrue([for one in output.node_pools : one.spot]) && output.add_ons.cluster_autoscaler.expander == "least-waste"
    error_message = "There are none unless asked for."
  }
}
