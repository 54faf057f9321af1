output "certificate_arn" {
  description = "The certificate, once it is valid."
  value       = aws_acm_certificate_validation.this.certificate_arn
}

output "user_pool" {
  description = "The user pool, as the load balancer controller's annotation auth-idp-cognito has it."
  value = {
    userPoolARN      = aws_cognito_user_pool.this.arn
    userPoolClientID = aws_cognito_user_pool_client.this.id
    userPoolDomain   = aws_cognito_user_pool_domain.this.domain
  }
}

output "user_pool_id" {
  description = "Its id, for `aws cognito-idp admin-create-user`."
  value       = aws_cognito_user_pool.this.id
}
