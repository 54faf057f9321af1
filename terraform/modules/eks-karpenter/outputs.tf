output "queue" {
  description = "Name of the queue with warnings, for `settings.interruptionQueue`."
  value       = aws_sqs_queue.this.name
}

output "node_role" {
  description = "Name of the nodes' role, for `spec.role` of an EC2NodeClass."
  value       = aws_iam_role.node.name
  depends_on  = [aws_eks_access_entry.node, aws_iam_role_policy_attachment.node]
}

output "controller_role_arn" {
  description = "Role of the controller."
  value       = module.controller.role_arn
}
