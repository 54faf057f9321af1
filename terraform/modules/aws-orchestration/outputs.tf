output "state_machine_arn" {
  description = "The state machine, for `aws stepfunctions start-execution`."
  value       = aws_sfn_state_machine.this.arn
}

output "role_arn" {
  description = "Its role, which the API server lets in to the namespace."
  value       = aws_iam_role.this.arn
}
