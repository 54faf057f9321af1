# Addresses, names, and what is refused.
mock_provider "aws" {
  source = "../../mocks/aws"
}

variables {
  name         = "rayworks"
  cluster_name = "rayworks"
  zones        = ["us-west-2a", "us-west-2b"]
  domain       = "ray.example.org"
  zone_id      = "Z0123456789ABC"
}

run "named" {
  command = plan

  assert {
    condition     = aws_route53_record.this.name == "*.ray.example.org" && length(aws_eip.this) == 2
    error_message = "Each service has a name, which leads to fixed addresses."
  }
}

run "domain" {
  command = plan

  variables {
    domain = "localhost"
  }

  expect_failures = [var.domain]
}

run "zone" {
  command = plan

  variables {
    zone_id = "example.org"
  }

  expect_failures = [var.zone_id]
}
