# Subnets, ways out, endpoints, and what is refused.
mock_provider "aws" {
  source = "../../mocks/aws"
}

variables {
  name   = "rayworks"
  region = "us-west-2"
  zones  = ["us-west-2a", "us-west-2b", "us-west-2c"]
}

run "three_zones" {
  command = plan

  assert {
    condition     = [for zone in ["us-west-2a", "us-west-2b", "us-west-2c"] : output.private_cidrs[zone]] == ["10.0.0.0/18", "10.0.64.0/18", "10.0.128.0/18"]
    error_message = "Each private subnet has a quarter of the addresses."
  }

  assert {
    condition     = aws_subnet.public["us-west-2c"].cidr_block == "10.0.200.0/22"
    error_message = "Public subnets share the last quarter."
  }

  assert {
    condition     = !anytrue([for subnet in aws_subnet.public : subnet.map_public_ip_on_launch])
    error_message = "Nothing gets a public address by itself."
  }

  assert {
    condition     = length(aws_nat_gateway.this) == 1 && length(aws_route.nat) == 3
    error_message = "One gateway serves all zones."
  }

  assert {
    condition     = aws_subnet.private["us-west-2a"].tags["karpenter.sh/discovery"] == "rayworks" && aws_subnet.public["us-west-2a"].tags["kubernetes.io/role/elb"] == "1"
    error_message = "Controllers find their subnets by tags."
  }

  assert {
    condition     = keys(aws_vpc_endpoint.interface) == ["ecr.api", "ecr.dkr", "sts"] && aws_vpc_endpoint.s3.vpc_endpoint_type == "Gateway"
    error_message = "Images and data do not pass the gateway."
  }

  assert {
    condition     = aws_flow_log.this[0].traffic_type == "REJECT"
    error_message = "What is refused is kept."
  }
}

run "a_gateway_a_zone" {
  command = plan

  variables {
    nat = "zone"
  }

  assert {
    condition     = length(aws_nat_gateway.this) == 3 && length(aws_route.nat) == 3
    error_message = "No zone depends on another."
  }
}

run "no_way_out" {
  command = plan

  variables {
    nat = "none"
  }

  assert {
    condition     = length(aws_nat_gateway.this) == 0 && length(aws_route.nat) == 0 && length(aws_eip.nat) == 0
    error_message = "There is no gateway."
  }
}

run "no_log" {
  command = plan

  variables {
    flow_log_days = 0
  }

  assert {
    condition     = length(aws_flow_log.this) == 0 && length(aws_iam_role.flows) == 0
    error_message = "Without a log there is no role for it."
  }
}

run "no_network" {
  command = plan

  variables {
    cidr = "10.0.0.0"
  }

  expect_failures = [var.cidr]
}

run "not_its_first_address" {
  command = plan

  variables {
    cidr = "10.0.0.1/16"
  }

  expect_failures = [var.cidr]
}

run "too_large" {
  command = plan

  variables {
    cidr = "10.0.0.0/8"
  }

  expect_failures = [var.cidr]
}

run "too_small" {
  command = plan

  variables {
    cidr = "10.0.0.0/24"
  }

  expect_failures = [var.cidr]
}

run "one_zone" {
  command = plan

  variables {
    zones = ["us-west-2a"]
  }

  expect_failures = [var.zones]
}

run "twice_the_same" {
  command = plan

  variables {
    zones = ["us-west-2a", "us-west-2a"]
  }

  expect_failures = [var.zones]
}

run "unknown_nat" {
  command = plan

  variables {
    nat = "two"
  }

  expect_failures = [var.nat]
}

run "days" {
  command = plan

  variables {
    flow_log_days = 31
  }

  expect_failures = [var.flow_log_days]
}
