output "cluster_name" {
  description = "Name of the cluster."
  value       = module.cluster.name
}

output "region" {
  description = "Region of everything."
  value       = var.region
}

output "get_credentials_command" {
  description = "Command that writes the cluster's kubeconfig to the file `$KUBECONFIG`."
  value       = module.cluster.get_credentials_command
}

output "registry" {
  description = "Host of the container registry."
  value       = module.registry.login_server
}

output "storage_class" {
  description = "Storage class of volumes that several nodes write; the add-on shared-storage makes it."
  value       = "rayworks-blob"
}

output "storage_uri" {
  description = "Where data, checkpoints and results lie."
  value       = module.storage.uris["ray"]
}

output "identity" {
  description = "How Ray's pods take on their identity: `service_account`, its `annotations`, the `pod_labels`."
  value = {
    service_account = "ray"
    annotations     = { "azure.workload.identity/client-id" = module.identity.client_id }
    pod_labels      = { "azure.workload.identity/use" = "true" }
  }
}

output "node_pools" {
  description = "Pools by name: `size`, its `vcpus`, `memory_gib`, `gpus` and `gpu`; `min`, `max`, `spot`; `pool`, whose label its nodes have."
  value       = local.machines
}

output "tags" {
  description = "Tags of everything; `rayworks-deployment` finds what is left."
  value       = local.tags
}

output "dashboards" {
  description = "Addresses of dashboards, null where there is none."
  value = {
    grafana    = module.monitoring.grafana_url
    prometheus = module.monitoring.prometheus_url
  }
}

output "add_ons" {
  description = "What each add-on of environments/aks/addons.yaml needs, by its name with underscores; null means that it is not wanted."
  value = {
    shared_storage = {
      account        = module.storage.account
      resource_group = azurerm_resource_group.data.name
      container      = "ray"
      client_id      = module.identity.client_id
    }
    nvidia_device_plugin = local.has_gpus ? {
      config = yamlencode(merge(
        { version = "v1" },
        var.gpu_sharing == 1 ? {} : {
          sharing = { timeSlicing = { resources = [{ name = "nvidia.com/gpu", replicas = var.gpu_sharing }] } }
        },
      ))
      mig_strategy = anytrue([for one in values(var.gpu_pools) : one.mig != null]) ? "single" : "none"
    } : null
    dcgm_exporter = local.has_gpus ? { monitor = var.monitoring.prometheus } : null
    node_pools    = var.node_provisioning == "auto" ? { zones = [for zone in var.zones : "${var.region}-${zone}"] } : null
    spot_first    = var.node_provisioning == "pools" && var.spot
    kueue         = var.add_ons.kueue
    cert_manager = var.add_ons.cert_manager || var.gateway != null ? {
      gateway   = var.gateway != null
      client_id = try(module.gateway[0].dns.client_id, "")
    } : null
    external_secrets = var.add_ons.external_secrets ? {
      client_id = module.external_secrets[0].client_id
      tenant_id = data.azurerm_client_config.current.tenant_id
      vault_uri = module.vault.uri
    } : null
    gateway = var.gateway == null ? null : {
      email          = var.gateway.email
      host           = module.gateway[0].host
      dns            = module.gateway[0].dns
      address_name   = module.gateway[0].address_name
      resource_group = azurerm_resource_group.this.name
    }
    redis = var.redis == null ? null : {
      secret           = "ray-redis"
      password_command = module.redis[0].password_command
    }
    grafana = var.monitoring.grafana ? {
      name           = module.monitoring.grafana_name
      resource_group = azurerm_resource_group.this.name
    } : null
    teams = { for name, one in module.team : name => one.helm_values }
  }
}
