output "role_arn" {
  description = "The role."
  value       = aws_iam_role.this.arn
}

output "role_name" {
  description = "Its name."
  value       = aws_iam_role.this.name
}

output "associations" {
  description = "Ids of the associations, by namespace/name: what needs the role at its start waits for this."
  value       = { for key, association in aws_eks_pod_identity_association.this : key => association.association_id }
}
