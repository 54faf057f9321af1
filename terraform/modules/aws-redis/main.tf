/**
 * # aws-redis
 *
 * MemoryDB, in which Ray's GCS keeps its state, so that a new head finds its cluster again. One shard: Ray's client
 * speaks to one.
 */

locals {
  # What Ray asks Redis for, and nothing that looks at or changes the server itself.
  commands = "on ~* &* -@all +@read +@write +@keyspace +@connection +@pubsub +@transaction +@scripting -@dangerous +info +keys +cluster +role +sort"
}

resource "aws_security_group" "this" {
  name        = "${var.name}-redis"
  description = "MemoryDB of ${var.name}, from its nodes"
  vpc_id      = var.vpc_id
  tags        = { Name = "${var.name}-redis" }
}

resource "aws_vpc_security_group_ingress_rule" "this" {
  security_group_id            = aws_security_group.this.id
  description                  = "Redis from the nodes"
  referenced_security_group_id = var.client_security_group_id
  ip_protocol                  = "tcp"
  from_port                    = 6379
  to_port                      = 6379
}

resource "aws_memorydb_subnet_group" "this" {
  name       = var.name
  subnet_ids = var.subnet_ids
}

# Random by Terraform itself, once. The provider's own data source of passwords prints what it has drawn.
resource "terraform_data" "password" {
  input = sensitive(replace("${uuid()}${uuid()}", "-", ""))

  lifecycle {
    ignore_changes = [input]
  }
}

resource "aws_memorydb_user" "this" {
  user_name     = "${var.name}-ray"
  access_string = local.commands

  authentication_mode {
    type      = "password"
    passwords = [terraform_data.password.input]
  }
}

resource "aws_memorydb_acl" "this" {
  name       = var.name
  user_names = [aws_memorydb_user.this.user_name]
}

resource "aws_memorydb_cluster" "this" {
  name                       = var.name
  description                = "State of the Ray clusters of ${var.name}"
  engine                     = "redis"
  engine_version             = var.engine_version
  node_type                  = var.node_type
  num_shards                 = 1
  num_replicas_per_shard     = var.replicas
  acl_name                   = aws_memorydb_acl.this.name
  tls_enabled                = true
  kms_key_arn                = one(var.own_key[*].arn)
  subnet_group_name          = aws_memorydb_subnet_group.this.name
  security_group_ids         = [aws_security_group.this.id]
  snapshot_retention_limit   = var.snapshot_days
  auto_minor_version_upgrade = true
}

resource "aws_secretsmanager_secret" "this" {
  #checkov:skip=CKV2_AWS_57: Ray reads the password at its start only, so that another one would cut clusters off
  # A deleted secret keeps its name for a while, so the name is another one each time.
  name_prefix             = "${var.name}/redis-"
  description             = "Password of the Ray clusters at MemoryDB ${var.name}"
  kms_key_id              = one(var.own_key[*].arn)
  recovery_window_in_days = 7
}

resource "aws_secretsmanager_secret_version" "this" {
  secret_id     = aws_secretsmanager_secret.this.id
  secret_string = terraform_data.password.input
}
