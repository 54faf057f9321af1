# The role, who takes it on, and what is refused.
mock_provider "aws" {
  source = "../../mocks/aws"
}

variables {
  name             = "rayworks-reports"
  description      = "Reads reports"
  cluster_name     = "rayworks"
  service_accounts = [{ namespace = "reports", name = "reader" }, { namespace = "ray", name = "ray" }]
}

run "two_accounts" {
  command = plan

  assert {
    condition     = keys(aws_eks_pod_identity_association.this) == ["ray/ray", "reports/reader"]
    error_message = "Each account has an association."
  }
}

run "name" {
  command = plan

  variables {
    name = "reports/reader"
  }

  expect_failures = [var.name]
}

run "namespace" {
  command = plan

  variables {
    service_accounts = [{ namespace = "Reports", name = "reader" }]
  }

  expect_failures = [var.service_accounts]
}

run "account" {
  command = plan

  variables {
    service_accounts = [{ namespace = "reports", name = "*" }]
  }

  expect_failures = [var.service_accounts]
}
