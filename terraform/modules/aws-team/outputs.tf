output "role_arn" {
  description = "Role of the team's Ray pods."
  value       = module.identity.role_arn
}

output "storage_uri" {
  description = "Where the team's data, checkpoints and results lie."
  value       = "s3://${element(split(":::", var.bucket_arn), 1)}/${local.prefix}"
}

output "helm_values" {
  description = "Values for a release of chart ray-team, over the environment's: `global.ray` and `roles`."
  value = {
    global = {
      ray = {
        # Not the file system that all mount: its part of the bucket is the team's alone.
        storage  = { claim = "", uri = "s3://${element(split(":::", var.bucket_arn), 1)}/${local.prefix}" }
        identity = { serviceAccount = var.service_account }
      }
    }
    roles = length(var.members) == 0 ? {} : { deployer = { groups = ["rayworks:${var.team}"] } }
  }
  depends_on = [module.identity]
}
