# The bucket, EFS, and what is refused.
mock_provider "aws" {
  source = "../../mocks/aws"
}

variables {
  name = "rayworks"
}

run "bucket" {
  command = plan

  assert {
    condition     = aws_s3_bucket.this.bucket == "rayworks-data-123456789012" && !aws_s3_bucket.this.force_destroy
    error_message = "Data stays when the rest goes."
  }

  assert {
    condition     = aws_s3_bucket_versioning.this.versioning_configuration[0].status == "Enabled"
    error_message = "What is overwritten can be brought back."
  }

  assert {
    condition     = alltrue([aws_s3_bucket_public_access_block.this.block_public_acls, aws_s3_bucket_public_access_block.this.block_public_policy, aws_s3_bucket_public_access_block.this.ignore_public_acls, aws_s3_bucket_public_access_block.this.restrict_public_buckets])
    error_message = "Nothing of it is public."
  }

  assert {
    condition     = one(one(aws_s3_bucket_server_side_encryption_configuration.this.rule).apply_server_side_encryption_by_default).sse_algorithm == "aws:kms"
    error_message = "It is encrypted by KMS."
  }

  assert {
    condition     = length(aws_efs_file_system.this) == 0 && output.efs_id == null
    error_message = "There is no EFS unless asked for."
  }
}

run "efs" {
  command = plan

  variables {
    efs = { vpc_id = "vpc-1", subnets = { us-west-2a = "subnet-1", us-west-2b = "subnet-2" }, client_security_group_id = "sg-0123456789abcdef0" }
  }

  assert {
    condition     = aws_efs_file_system.this[0].encrypted && length(aws_efs_mount_target.this) == 2 && aws_efs_backup_policy.this[0].backup_policy[0].status == "ENABLED"
    error_message = "Encrypted, in each zone, with backups."
  }

  assert {
    condition     = aws_vpc_security_group_ingress_rule.efs[0].from_port == 2049
    error_message = "Open to NFS and nothing else."
  }
}

run "name" {
  command = plan

  variables {
    name = "Rayworks"
  }

  expect_failures = [var.name]
}

run "no_day" {
  command = plan

  variables {
    old_version_days = 0
  }

  expect_failures = [var.old_version_days]
}
