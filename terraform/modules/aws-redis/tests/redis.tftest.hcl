# MemoryDB, who may use it, and what is refused.
mock_provider "aws" {
  source = "../../mocks/aws"
}

variables {
  name                     = "rayworks"
  vpc_id                   = "vpc-1"
  subnet_ids               = ["subnet-1", "subnet-2"]
  client_security_group_id = "sg-0123456789abcdef0"
}

run "for_ray" {
  command = plan

  assert {
    condition     = aws_memorydb_cluster.this.tls_enabled && aws_memorydb_cluster.this.num_shards == 1 && aws_memorydb_cluster.this.num_replicas_per_shard == 1
    error_message = "By TLS, in one shard, with a copy."
  }

  assert {
    condition     = aws_memorydb_cluster.this.acl_name == "rayworks" && aws_memorydb_acl.this.user_names == toset(["rayworks-ray"])
    error_message = "Open to one user."
  }

  assert {
    condition     = strcontains(aws_memorydb_user.this.access_string, "-@all") && strcontains(aws_memorydb_user.this.access_string, "-@dangerous")
    error_message = "Who may not change the server."
  }
}

run "name" {
  command = plan

  variables {
    name = "rayworks-"
  }

  expect_failures = [var.name]
}

run "machine" {
  command = plan

  variables {
    node_type = "cache.t4g.small"
  }

  expect_failures = [var.node_type]
}

run "version" {
  command = plan

  variables {
    engine_version = "5.0"
  }

  expect_failures = [var.engine_version]
}

run "copies" {
  command = plan

  variables {
    replicas = 6
  }

  expect_failures = [var.replicas]
}

run "snapshots" {
  command = plan

  variables {
    snapshot_days = 36
  }

  expect_failures = [var.snapshot_days]
}
