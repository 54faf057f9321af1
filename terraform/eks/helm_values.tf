output "helm_values" {
  description = "What only this deployment knows of `global.ray`, over environments/eks/values.yaml."
  value = merge(
    {
      pools = local.helm_pools
      # Its addresses behind the Service, and the Service's own, which a policy on nodes sees first.
      network = { apiServer = { cidrs = concat([module.cluster.api_server_cidr], values(module.network.private_cidrs)), port = 443 } }
    },
    # Without a file system, Ray writes to the bucket.
    local.lustre || local.efs ? {} : { storage = { claim = "", uri = "s3://${module.storage.bucket}/ray" } },
    var.monitoring.logs ? {
      logging = { destination = "cloudwatch", cloudwatch = { region = var.region, group = module.monitoring.log_groups["ray"].name } }
    } : {},
    var.redis == null ? {} : {
      redis = {
        address           = module.redis[0].address
        tls               = true
        username          = module.redis[0].username
        credentialsSecret = "ray-redis"
      }
    },
    var.gateway == null ? {} : {
      ingress = {
        gateway   = { name = "rayworks", namespace = "gateway", sectionName = "https" }
        namespace = "envoy-gateway-system"
        domain    = var.gateway.domain
      }
    },
  )
}
