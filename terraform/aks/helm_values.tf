output "helm_values" {
  description = "The part of the charts' values that only this deployment knows, over environments/aks/values.yaml."
  value = {
    global = {
      ray = merge(
        {
          images = { registry = module.registry.login_server }
          # With no GPU anywhere, what asks for one gets CPUs.
          pools = merge(
            lookup(var.gpu_pools, "gpu", null) == null ? {
              for name in ["gpu", "spot-gpu"] : name => { accelerator = { resource = "none" }, fallback = "cpu" }
            } : {},
            module.node_pools.helm_pools,
          )
          storage = { uri = module.storage.uris["ray"] }
          identity = {
            serviceAccount = "ray"
            annotations    = { "azure.workload.identity/client-id" = module.identity.client_id }
            podLabels      = { "azure.workload.identity/use" = "true" }
          }
          # Addresses of its own in this network, by which pods reach it.
          network = { apiServer = { cidrs = [module.network.apiserver_cidr], port = 443 } }
          # AKS scrapes from kube-system what PodMonitors of its own API group name.
          monitoring = var.monitoring.prometheus ? { apiGroup = "azmonitoring.coreos.com", namespace = "kube-system" } : { apiGroup = "", namespace = "ray-system" }
          logging    = { destination = var.monitoring.logs ? "stdout" : "" }
        },
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
  }
}
