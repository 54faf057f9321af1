output "address" {
  description = "host:port, which wants TLS."
  value       = "${aws_memorydb_cluster.this.cluster_endpoint[0].address}:${aws_memorydb_cluster.this.cluster_endpoint[0].port}"
}

output "username" {
  description = "User of the Ray clusters."
  value       = aws_memorydb_user.this.user_name
}

output "secret" {
  description = "Name in Secrets Manager of what holds the password."
  value       = aws_secretsmanager_secret.this.name
  depends_on  = [aws_secretsmanager_secret_version.this]
}

output "secret_arn" {
  description = "Its ARN."
  value       = aws_secretsmanager_secret.this.arn
}
