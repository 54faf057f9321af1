# Address ranges and zones.
mock_provider "aws" {
  source = "../mocks/aws"
}

variables {
  authorized_cidrs = ["198.18.0.7/32"]
}

run "three_zones" {
  command = plan

  assert {
    condition     = output.helm_values.network.apiServer.cidrs == ["172.20.0.1/32", "10.0.0.0/18", "10.0.64.0/18", "10.0.128.0/18"]
    error_message = "Pods reach the API server in each private subnet, and by its Service."
  }
}

run "two_zones" {
  command = plan

  variables {
    network = { zones = ["us-west-2a", "us-west-2b"] }
  }

  assert {
    condition     = length(output.helm_values.network.apiServer.cidrs) == 3
    error_message = "Two zones are enough for EKS."
  }
}

run "own_ranges" {
  command = plan

  variables {
    network = { cidr = "192.168.0.0/16", services = "10.96.0.0/16" }
  }

  assert {
    condition     = contains(output.helm_values.network.apiServer.cidrs, "10.96.0.1/32") && contains(output.helm_values.network.apiServer.cidrs, "192.168.0.0/18")
    error_message = "Ranges follow what is asked for."
  }
}

run "no_network" {
  command = plan

  variables {
    network = { cidr = "10.0.0.0" }
  }

  expect_failures = [var.network]
}

run "the_same" {
  command = plan

  variables {
    network = { cidr = "172.20.0.0/16" }
  }

  expect_failures = [var.network]
}

run "within" {
  command = plan

  variables {
    network = { cidr = "172.20.128.0/18" }
  }

  expect_failures = [var.network]
}

run "around" {
  command = plan

  variables {
    network = { cidr = "172.16.0.0/12" }
  }

  expect_failures = [var.network]
}

run "zones_elsewhere" {
  command = plan

  variables {
    network = { zones = ["eu-west-1a", "eu-west-1b"] }
  }

  expect_failures = [var.network]
}

run "no_way_out" {
  command = plan

  variables {
    network = { nat = "none" }
  }

  expect_failures = [var.network]
}

run "no_nat" {
  command = plan

  variables {
    network = { nat = "none", endpoints = ["ecr.api", "ecr.dkr", "sts", "ec2", "eks", "eks-auth", "elasticloadbalancing", "logs", "sqs", "ssm", "autoscaling", "secretsmanager"] }
  }

  assert {
    condition     = output.cluster_name == "rayworks"
    error_message = "With endpoints for all that nodes ask, they need no way out."
  }
}
