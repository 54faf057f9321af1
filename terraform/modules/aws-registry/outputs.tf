output "registry" {
  description = "What comes before a repository's name in a reference to an image: host and path."
  value       = one(distinct([for name, repository in aws_ecr_repository.this : trimsuffix(repository.repository_url, "/${name}")]))
}

output "repository_arns" {
  description = "ARN of each repository."
  value       = { for name, repository in aws_ecr_repository.this : name => repository.arn }
}
