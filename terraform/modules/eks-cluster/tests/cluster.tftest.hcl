# The control plane, who speaks to it, and what is refused.
mock_provider "aws" {
  source = "../../mocks/aws"
}

variables {
  name               = "rayworks"
  kubernetes_version = "1.35"
  subnet_ids         = ["subnet-0123456789abcdef0", "subnet-0123456789abcdef1"]
}

run "private" {
  command = plan

  assert {
    condition     = !aws_eks_cluster.this.vpc_config[0].endpoint_public_access && aws_eks_cluster.this.vpc_config[0].endpoint_private_access
    error_message = "Without addresses nobody comes in from the internet."
  }

  assert {
    condition     = aws_eks_cluster.this.access_config[0].authentication_mode == "API" && !aws_eks_cluster.this.bootstrap_self_managed_addons
    error_message = "Who comes in, access entries say."
  }

  assert {
    condition     = length(aws_eks_cluster.this.enabled_cluster_log_types) == 5
    error_message = "All that the control plane can log is kept."
  }

  assert {
    condition     = length(aws_eks_cluster.this.encryption_config) == 0
    error_message = "AWS' own key encrypts Secrets."
  }
}

run "from_an_address_with_a_key" {
  command = plan

  variables {
    authorized_cidrs = ["203.0.113.7/32"]
    own_key          = { arn = "arn:aws:kms:us-west-2:123456789012:key/11111111-2222-3333-4444-555555555555" }
  }

  assert {
    condition     = aws_eks_cluster.this.vpc_config[0].public_access_cidrs == toset(["203.0.113.7/32"])
    error_message = "One address comes in."
  }

  assert {
    condition     = aws_eks_cluster.this.encryption_config[0].resources == toset(["secrets"])
    error_message = "The key encrypts Secrets."
  }

  assert {
    condition     = output.api_server_cidr == "172.20.0.1/32"
    error_message = "The API server has the first address of Services."
  }
}

run "in_a_namespace" {
  command = plan

  variables {
    access = { viewer = { principal_arn = "arn:aws:iam::123456789012:role/viewer", policy = "AmazonEKSViewPolicy", namespaces = ["ray"] }, ops = { principal_arn = "arn:aws:iam::123456789012:role/ops" } }
  }

  assert {
    condition     = aws_eks_access_policy_association.this["viewer"].access_scope[0].type == "namespace"
    error_message = "Access is limited to the namespace."
  }

  assert {
    condition     = aws_eks_access_policy_association.this["ops"].access_scope[0].type == "cluster"
    error_message = "Without namespaces it is the cluster's."
  }
}

run "name" {
  command = plan

  variables {
    name = "-rayworks"
  }

  expect_failures = [var.name]
}

run "patch" {
  command = plan

  variables {
    kubernetes_version = "1.35.4"
  }

  expect_failures = [var.kubernetes_version]
}

run "support" {
  command = plan

  variables {
    support_type = "LONG"
  }

  expect_failures = [var.support_type]
}

run "one_subnet" {
  command = plan

  variables {
    subnet_ids = ["subnet-0123456789abcdef0"]
  }

  expect_failures = [var.subnet_ids]
}

run "address" {
  command = plan

  variables {
    authorized_cidrs = ["203.0.113.7"]
  }

  expect_failures = [var.authorized_cidrs]
}

run "services" {
  command = plan

  variables {
    service_cidr = "172.20.0.0/8"
  }

  expect_failures = [var.service_cidr]
}

run "log" {
  command = plan

  variables {
    log_types = ["everything"]
  }

  expect_failures = [var.log_types]
}

run "session" {
  command = plan

  variables {
    access = { me = { principal_arn = "arn:aws:sts::123456789012:assumed-role/ops/me" } }
  }

  expect_failures = [var.access]
}

run "policy" {
  command = plan

  variables {
    access = { me = { principal_arn = "arn:aws:iam::123456789012:role/me", policy = "AdministratorAccess" } }
  }

  expect_failures = [var.access]
}

run "all_of_a_namespace" {
  command = plan

  variables {
    access = { me = { principal_arn = "arn:aws:iam::123456789012:role/me", namespaces = ["ray"] } }
  }

  expect_failures = [var.access]
}
