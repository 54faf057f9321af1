# What is refused.
mock_provider "aws" {
  source = "../../mocks/aws"
}

variables {
  name               = "rayworks"
  cluster_name       = "rayworks"
  kubernetes_version = "1.35"
  subnets            = { us-west-2a = "subnet-0123456789abcdef0", us-west-2b = "subnet-0123456789abcdef1" }
  groups             = { cpu = { instance_types = ["m5.4xlarge"], max = 10 } }
}

run "max_below_min" {
  command = plan

  variables {
    groups = { cpu = { instance_types = ["m5.4xlarge"], min = 2, max = 1 } }
  }

  expect_failures = [var.groups]
}

run "name" {
  command = plan

  variables {
    groups = { CPU = { instance_types = ["m5.4xlarge"], max = 1 } }
  }

  expect_failures = [var.groups]
}

run "no_machine" {
  command = plan

  variables {
    groups = { cpu = { instance_types = [], max = 1 } }
  }

  expect_failures = [var.groups]
}

run "disk" {
  command = plan

  variables {
    groups = { cpu = { instance_types = ["m5.4xlarge"], max = 1, disk_gib = 20 } }
  }

  expect_failures = [var.groups]
}

run "effect" {
  command = plan

  variables {
    groups = { cpu = { instance_types = ["m5.4xlarge"], max = 1, taints = [{ key = "a", effect = "NoSchedule" }] } }
  }

  expect_failures = [var.groups]
}

run "zone" {
  command = plan

  variables {
    groups = { cpu = { instance_types = ["m5.4xlarge"], max = 1, zones = ["us-west-2f"] } }
  }

  expect_failures = [aws_eks_node_group.this]
}
