output "bucket" {
  description = "Name of the bucket."
  value       = aws_s3_bucket.this.id
  depends_on  = [aws_s3_bucket_policy.this, aws_s3_bucket_versioning.this, aws_s3_bucket_server_side_encryption_configuration.this]
}

output "bucket_arn" {
  description = "Its ARN."
  value       = aws_s3_bucket.this.arn
}

output "efs_id" {
  description = "The EFS file system, once it can be mounted; null without one."
  value       = one(aws_efs_file_system.this[*].id)
  depends_on  = [aws_efs_mount_target.this, aws_efs_file_system_policy.this, aws_vpc_security_group_ingress_rule.efs]
}
