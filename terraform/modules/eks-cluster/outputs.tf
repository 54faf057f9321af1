output "name" {
  description = "The cluster, once its API server answers."
  value       = aws_eks_cluster.this.name
}

output "arn" {
  description = "Its ARN."
  value       = aws_eks_cluster.this.arn
}

output "endpoint" {
  description = "URL of the API server."
  value       = aws_eks_cluster.this.endpoint
}

output "certificate_authority" {
  description = "The authority that signed its certificate, PEM in base64."
  value       = aws_eks_cluster.this.certificate_authority[0].data
}

output "security_group_id" {
  description = "The group that EKS makes, in which the control plane and all nodes are."
  value       = aws_eks_cluster.this.vpc_config[0].cluster_security_group_id
}

output "api_server_cidr" {
  description = "The API server's address inside the cluster: of the Service `kubernetes`."
  value       = "${cidrhost(var.service_cidr, 1)}/32"
}
