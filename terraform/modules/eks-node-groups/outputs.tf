output "role_arn" {
  description = "Role of the nodes."
  value       = aws_iam_role.this.arn
}

output "autoscaling_groups" {
  description = "Names of the EC2 Auto Scaling groups behind, by group."
  value       = { for name, group in aws_eks_node_group.this : name => one(flatten(group.resources[*].autoscaling_groups[*].name)) }
}
