/**
 * # aws-lustre
 *
 * A Lustre file system in front of a bucket: files appear in both, whichever side they were written on.
 */

locals {
  persistent = var.deployment_type == "PERSISTENT_2"
}

resource "aws_security_group" "this" {
  name        = "${var.name}-lustre"
  description = "FSx for Lustre of ${var.name}, from its nodes"
  vpc_id      = var.vpc_id
  tags        = { Name = "${var.name}-lustre" }
}

# Lustre's own port, and those by which servers and clients call back.
resource "aws_vpc_security_group_ingress_rule" "nodes" {
  for_each = { lustre = [988, 988], callbacks = [1018, 1023] }

  security_group_id            = aws_security_group.this.id
  description                  = "Lustre (${each.key}) from the nodes"
  referenced_security_group_id = var.client_security_group_id
  ip_protocol                  = "tcp"
  from_port                    = each.value[0]
  to_port                      = each.value[1]
}

resource "aws_vpc_security_group_ingress_rule" "servers" {
  for_each = { lustre = [988, 988], callbacks = [1018, 1023] }

  security_group_id            = aws_security_group.this.id
  description                  = "Lustre (${each.key}) among its servers"
  referenced_security_group_id = aws_security_group.this.id
  ip_protocol                  = "tcp"
  from_port                    = each.value[0]
  to_port                      = each.value[1]
}

resource "aws_vpc_security_group_egress_rule" "servers" {
  security_group_id            = aws_security_group.this.id
  description                  = "Among its servers"
  referenced_security_group_id = aws_security_group.this.id
  ip_protocol                  = "-1"
}

resource "aws_vpc_security_group_egress_rule" "nodes" {
  security_group_id            = aws_security_group.this.id
  description                  = "Back to the nodes"
  referenced_security_group_id = var.client_security_group_id
  ip_protocol                  = "-1"
}

resource "aws_cloudwatch_log_group" "this" {
  # FSx writes to groups of this beginning only.
  name              = "/aws/fsx/${var.name}"
  retention_in_days = var.log_days
  kms_key_id        = one(var.own_key[*].arn)
}

resource "aws_fsx_lustre_file_system" "this" {
  deployment_type             = var.deployment_type
  file_system_type_version    = "2.15"
  storage_type                = "SSD"
  storage_capacity            = var.capacity_gib
  per_unit_storage_throughput = local.persistent ? var.throughput : null
  data_compression_type       = var.compression
  kms_key_id                  = local.persistent ? one(var.own_key[*].arn) : null
  # There are none of a file system that is linked to a bucket, nor of scratch: the bucket is the copy.
  automatic_backup_retention_days = local.persistent ? 0 : null
  weekly_maintenance_start_time   = var.maintenance
  subnet_ids                      = [var.subnet_id]
  security_group_ids              = [aws_security_group.this.id]
  tags                            = { Name = var.name }

  # Imports and exports that fail.
  log_configuration {
    destination = aws_cloudwatch_log_group.this.arn
    level       = "WARN_ERROR"
  }
}

resource "aws_fsx_data_repository_association" "this" {
  file_system_id                   = aws_fsx_lustre_file_system.this.id
  file_system_path                 = "/"
  data_repository_path             = var.data_repository
  batch_import_meta_data_on_create = true
  # The bucket has them.
  delete_data_in_filesystem = false

  s3 {
    auto_import_policy {
      events = ["NEW", "CHANGED", "DELETED"]
    }

    auto_export_policy {
      events = ["NEW", "CHANGED", "DELETED"]
    }
  }
}
