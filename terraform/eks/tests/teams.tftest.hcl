# Teams: an identity, a part of the bucket and nodes of their own.
mock_provider "aws" {
  source = "../mocks/aws"
}

variables {
  authorized_cidrs = ["198.18.0.7/32"]
}

run "own_nodes" {
  command = plan

  variables {
    teams = { red = { node_pool = { size = "m6i.4xlarge", max = 3 } } }
  }

  assert {
    condition     = output.node_pools.red.taints[0].key == "rayworks.io/team" && output.helm_values.pools.red.nodeSelector["rayworks.io/pool"] == "red"
    error_message = "A team's nodes keep others out."
  }
}

run "own_part" {
  command = plan

  variables {
    teams = { red = { members = { ada = "arn:aws:iam::123456789012:role/ada" } } }
  }

  assert {
    condition     = module.team["red"].helm_values.roles.deployer.groups[0] == "rayworks:red" && module.team["red"].helm_values.global.ray.storage.claim == ""
    error_message = "Members are a group of Kubernetes, and data lies in the team's part of the bucket."
  }
}

run "called_as_a_pool" {
  command = plan

  variables {
    teams = { gpu = {} }
  }

  expect_failures = [var.teams]
}

run "called_as_spot" {
  command = plan

  variables {
    teams = { spot-red = {} }
  }

  expect_failures = [var.teams]
}

run "namespace_of_all" {
  command = plan

  variables {
    teams = { red = { namespaces = ["ray"] } }
  }

  expect_failures = [var.teams]
}

run "machine_unknown" {
  command = plan

  variables {
    teams = { red = { node_pool = { size = "m9.large", max = 1 } } }
  }

  expect_failures = [terraform_data.pools]
}
