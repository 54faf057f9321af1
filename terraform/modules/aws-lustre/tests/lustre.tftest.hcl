# The file system, its link to the bucket, and what is refused.
mock_provider "aws" {
  source = "../../mocks/aws"
}

variables {
  name                     = "rayworks"
  vpc_id                   = "vpc-1"
  subnet_id                = "subnet-1"
  client_security_group_id = "sg-0123456789abcdef0"
  data_repository          = "s3://rayworks-data/export"
}

run "persistent" {
  command = plan

  assert {
    condition     = aws_fsx_lustre_file_system.this.deployment_type == "PERSISTENT_2" && aws_fsx_lustre_file_system.this.per_unit_storage_throughput == 125 && aws_fsx_lustre_file_system.this.storage_capacity == 1200
    error_message = "Two copies of everything, in the smallest size."
  }

  assert {
    condition     = aws_fsx_data_repository_association.this.data_repository_path == "s3://rayworks-data/export" && aws_fsx_data_repository_association.this.s3[0].auto_export_policy[0].events == tolist(["NEW", "CHANGED", "DELETED"])
    error_message = "Files go to the bucket, and objects come from it."
  }

  assert {
    condition     = [for rule in aws_vpc_security_group_ingress_rule.nodes : "${rule.from_port}-${rule.to_port}"] == ["1018-1023", "988-988"]
    error_message = "Nodes reach Lustre's ports and no others."
  }
}

run "scratch" {
  command = plan

  variables {
    deployment_type = "SCRATCH_2"
    capacity_gib    = 4800
  }

  assert {
    condition     = aws_fsx_lustre_file_system.this.deployment_type == "SCRATCH_2" && aws_fsx_lustre_file_system.this.per_unit_storage_throughput == null
    error_message = "Scratch has a throughput of its own."
  }
}

run "bucket" {
  command = plan

  variables {
    data_repository = "rayworks-data"
  }

  expect_failures = [var.data_repository]
}

run "type" {
  command = plan

  variables {
    deployment_type = "SCRATCH_1"
  }

  expect_failures = [var.deployment_type]
}

run "size" {
  command = plan

  variables {
    capacity_gib = 2000
  }

  expect_failures = [var.capacity_gib]
}

run "speed" {
  command = plan

  variables {
    throughput = 200
  }

  expect_failures = [var.throughput]
}

run "compression" {
  command = plan

  variables {
    compression = "ZSTD"
  }

  expect_failures = [var.compression]
}

run "time" {
  command = plan

  variables {
    maintenance = "Sunday 03:00"
  }

  expect_failures = [var.maintenance]
}
