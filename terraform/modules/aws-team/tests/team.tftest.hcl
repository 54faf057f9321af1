# A team's identity, part of the bucket and members, and what is refused.
mock_provider "aws" {
  source = "../../mocks/aws"
}

variables {
  team          = "red"
  name          = "rayworks"
  cluster_name  = "rayworks"
  bucket_arn    = "arn:aws:s3:::rayworks-data"
  log_group_arn = "arn:aws:logs:us-west-2:123456789012:log-group:/rayworks/rayworks/ray"
}

run "own_part" {
  command = plan

  assert {
    condition     = output.storage_uri == "s3://rayworks-data/teams/red"
    error_message = "Its part of the bucket is called after it."
  }

  assert {
    condition     = output.helm_values.global.ray.identity.serviceAccount == "ray" && length(output.helm_values.roles) == 0
    error_message = "Without members nobody has a role."
  }
}

run "members" {
  command = plan

  variables {
    members = { ada = "arn:aws:iam::123456789012:role/ada" }
  }

  assert {
    condition     = aws_eks_access_entry.this["ada"].kubernetes_groups == toset(["rayworks:red"]) && output.helm_values.roles.deployer.groups[0] == "rayworks:red"
    error_message = "Members are a group that chart ray-team knows."
  }
}

run "name" {
  command = plan

  variables {
    team = "Red"
  }

  expect_failures = [var.team]
}

run "session" {
  command = plan

  variables {
    members = { ada = "arn:aws:sts::123456789012:assumed-role/ada/me" }
  }

  expect_failures = [var.members]
}
