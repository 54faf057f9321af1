# Roles, queue and warnings.
mock_provider "aws" {
  source = "../../mocks/aws"
}

variables {
  name         = "rayworks"
  region       = "us-west-2"
  cluster_name = "rayworks"
}

run "warned" {
  command = plan

  assert {
    condition     = keys(aws_cloudwatch_event_rule.this) == ["capacity-blocks", "health", "rebalance", "spot", "state"]
    error_message = "Karpenter hears of all that takes a machine away."
  }

  assert {
    condition     = aws_sqs_queue.this.message_retention_seconds == 300 && aws_sqs_queue.this.sqs_managed_sse_enabled
    error_message = "Warnings are of use for minutes, and encrypted."
  }

  assert {
    condition     = aws_eks_access_entry.node.type == "EC2_LINUX"
    error_message = "Nodes come in by an access entry."
  }

  assert {
    condition     = output.queue == "rayworks-karpenter"
    error_message = "The queue has a name."
  }
}

run "by_ones_own_key" {
  command = plan

  variables {
    own_key = { arn = "arn:aws:kms:us-west-2:123456789012:key/11111111-2222-3333-4444-555555555555" }
  }

  assert {
    condition     = aws_sqs_queue.this.kms_master_key_id != null
    error_message = "The key encrypts the queue."
  }
}
