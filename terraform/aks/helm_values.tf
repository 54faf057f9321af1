output "helm_values" {
  description = "What only this deployment knows of `global.ray`, over environments/aks/values.yaml."
  value = merge(
    {
      # With no GPU to be had, what asks for one gets CPUs.
      pools = merge(
        contains(keys(var.gpu_pools), "gpu") ? {} : {
          for name in ["gpu", "spot-gpu"] : name => { accelerator = { resource = "none" }, fallback = "cpu" }
        },
        module.node_pools.helm_pools,
      )
      storage  = { uri = module.storage.uris["ray"] }
      identity = { annotations = { "azure.workload.identity/client-id" = module.identity.client_id } }
      # The API server has addresses of its own in this network, by which pods reach it.
      network = { apiServer = { cidrs = [module.network.apiserver_cidr], port = 443 } }
    },
    # Without Azure's, a Prometheus of the charts' own.
    var.monitoring.prometheus ? {} : { monitoring = { apiGroup = "", namespace = "ray-system" } },
    var.monitoring.logs ? {} : { logging = { destination = "" } },
    var.redis == null ? {} : {
      redis = {
        address           = module.redis[0].address
        tls               = true
        credentialsSecret = "ray-redis"
      }
    },
    var.gateway == null ? {} : {
      ingress = {
        gateway   = { name = "rayworks", namespace = "gateway", sectionName = "https" }
        namespace = "envoy-gateway-system"
        domain    = module.gateway[0].domain
      }
    },
  )
}
