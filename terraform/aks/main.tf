/**
 * # aks
 *
 * Everything of a deployment in Azure. [docs/clouds/aks.md](../../docs/clouds/aks.md) is the page for users.
 */

data "azurerm_client_config" "current" {}

locals {
  sizes = jsondecode(file("${path.module}/../sizes-azure.json"))

  # Storage accounts, vaults and registries are named within all of Azure: the subscription makes the name its own, and
  # the same one at each run.
  suffix = substr(sha256("${data.azurerm_client_config.current.subscription_id}/${var.name}"), 0, 6)
  word   = replace(var.name, "-", "")

  tags = merge(var.tags, { rayworks-deployment = var.name })

  pools = merge(
    {
      cpu    = merge(var.cpu_pool, { zones = var.zones, spot = var.spot })
      memory = merge(var.memory_pool, { zones = var.zones, spot = var.spot })
    },
    { for name, one in var.gpu_pools : name => merge(one, { spot = var.spot }) },
  )

  log_analytics = var.monitoring.logs ? { workspace_id = azurerm_log_analytics_workspace.this[0].id } : null

  # Who runs Terraform, and deploys after it.
  me = { deployer = data.azurerm_client_config.current.object_id }
}

resource "azurerm_resource_group" "this" {
  name     = "rg-${var.name}"
  location = var.region
  tags     = local.tags
}

# Apart, so that data, and the keys to it, can stay when the rest goes.
resource "azurerm_resource_group" "data" {
  name     = "rg-${var.name}-data"
  location = var.region
  tags     = local.tags
}

module "network" {
  source = "../modules/azure-network"

  name                = var.name
  resource_group_name = azurerm_resource_group.this.name
  region              = var.region
  tags                = local.tags
  address_space       = var.network.address_space
  outbound            = var.network.outbound
}

module "vault" {
  source = "../modules/azure-vault"

  name                = "kv${var.name}${local.suffix}"
  resource_group_name = azurerm_resource_group.data.name
  region              = var.region
  tags                = local.tags
  tenant_id           = data.azurerm_client_config.current.tenant_id
  authorized_cidrs    = var.authorized_cidrs
  writers             = local.me
  readers             = { for one in module.external_secrets : "external-secrets" => one.principal_id }
  keys                = var.own_keys ? toset(concat(["disks", "storage", "registry"], var.redis == null ? [] : ["redis"])) : toset([])
}

resource "azurerm_log_analytics_workspace" "this" {
  count = var.monitoring.logs ? 1 : 0

  name                         = "log-${var.name}"
  resource_group_name          = azurerm_resource_group.this.name
  location                     = var.region
  tags                         = local.tags
  sku                          = "PerGB2018"
  retention_in_days            = var.monitoring.retention_days
  daily_quota_gb               = var.monitoring.daily_gb
  local_authentication_enabled = false
}

module "cluster" {
  source = "../modules/aks-cluster"

  name                = var.name
  resource_group_name = azurerm_resource_group.this.name
  region              = var.region
  tags                = local.tags
  kubernetes_version  = var.kubernetes_version
  node_provisioning   = var.node_provisioning
  system_pool         = var.system_pool
  zones               = var.zones
  prefer_spot         = var.spot
  administrators      = var.administrators
  deployers           = local.me
  upgrades            = var.upgrades
  own_keys            = var.own_keys ? { disk_encryption_set_id = module.vault.disk_encryption_set_id } : null

  network = {
    virtual_network_id  = module.network.virtual_network_id
    nodes_subnet_id     = module.network.nodes_subnet_id
    apiserver_subnet_id = module.network.apiserver_subnet_id
    pod_cidr            = var.network.pods
    service_cidr        = var.network.services
    outbound            = var.network.outbound
  }
  api_server = {
    private          = var.private_cluster
    authorized_cidrs = var.private_cluster ? [] : var.authorized_cidrs
  }

  log_analytics      = local.log_analytics
  managed_prometheus = var.monitoring.prometheus
}

module "node_pools" {
  source = "../modules/aks-node-pools"

  cluster_id        = module.cluster.id
  subnet_id         = module.network.nodes_subnet_id
  node_provisioning = var.node_provisioning
  pools             = local.pools
  host_encryption   = var.own_keys
  tags              = local.tags
}

module "registry" {
  source = "../modules/azure-registry"

  name                = "cr${local.word}${local.suffix}"
  resource_group_name = azurerm_resource_group.this.name
  region              = var.region
  tags                = local.tags
  sku                 = var.registry.sku
  private             = var.registry.private
  pullers             = { nodes = module.cluster.nodes_principal_id }
  pushers             = local.me
  own_key             = lookup(module.vault.keys, "registry", null)
}

# Ray's pods take this identity on, and reach the storage with it.
module "identity" {
  source = "../modules/azure-identity"

  name                = "${var.name}-ray"
  resource_group_name = azurerm_resource_group.this.name
  region              = var.region
  tags                = local.tags
  issuer              = module.cluster.oidc_issuer_url
  service_accounts    = var.service_accounts
}

module "external_secrets" {
  source = "../modules/azure-identity"
  count  = var.add_ons.external_secrets ? 1 : 0

  name                = "${var.name}-external-secrets"
  resource_group_name = azurerm_resource_group.this.name
  region              = var.region
  tags                = local.tags
  issuer              = module.cluster.oidc_issuer_url
  service_accounts    = ["external-secrets/external-secrets"]
}

module "storage" {
  source = "../modules/azure-storage"

  account             = "st${local.word}${local.suffix}"
  resource_group_name = azurerm_resource_group.data.name
  region              = var.region
  tags                = local.tags
  containers          = ["ray"]
  tier                = var.storage.tier
  replication         = var.storage.replication
  public_cidrs        = var.storage.public_cidrs
  retention_days      = var.storage.retention_days
  writers             = { ray = { principal_id = module.identity.principal_id, container = "ray" } }
  controllers         = { blob-driver = module.cluster.identity_principal_id }
  own_key             = lookup(module.vault.keys, "storage", null)
}

module "redis" {
  source = "../modules/azure-redis"
  count  = var.redis == null ? 0 : 1

  name                = "redis-${var.name}-${local.suffix}"
  resource_group_name = azurerm_resource_group.this.name
  region              = var.region
  tags                = local.tags
  sku                 = var.redis.sku
  high_availability   = var.redis.high_availability
  own_key             = lookup(module.vault.keys, "redis", null)
}

module "private_endpoints" {
  source = "../modules/azure-private-endpoints"

  name                = var.name
  resource_group_name = azurerm_resource_group.this.name
  region              = var.region
  tags                = local.tags
  virtual_network_id  = module.network.virtual_network_id
  subnet_id           = module.network.endpoints_subnet_id
  endpoints = merge(
    {
      blob  = { resource_id = module.storage.account_id, subresource = "blob", zone = "privatelink.blob.core.windows.net" }
      dfs   = { resource_id = module.storage.account_id, subresource = "dfs", zone = "privatelink.dfs.core.windows.net" }
      vault = { resource_id = module.vault.id, subresource = "vault", zone = "privatelink.vaultcore.azure.net" }
    },
    var.registry.private ? {
      registry = { resource_id = module.registry.id, subresource = "registry", zone = "privatelink.azurecr.io" }
    } : {},
    var.redis == null ? {} : {
      redis = { resource_id = module.redis[0].id, subresource = "redisEnterprise", zone = "privatelink.redis.azure.net" }
    },
  )
}

module "monitoring" {
  source = "../modules/azure-monitoring"

  name                   = var.name
  suffix                 = local.suffix
  resource_group_name    = azurerm_resource_group.this.name
  resource_group_id      = azurerm_resource_group.this.id
  region                 = var.region
  tags                   = local.tags
  cluster                = { id = module.cluster.id, name = module.cluster.name }
  log_analytics          = local.log_analytics
  prometheus             = var.monitoring.prometheus
  grafana                = var.monitoring.grafana
  grafana_administrators = merge(local.me, { for id in var.administrators : id => id })
  grafana_viewers        = var.monitoring.viewers
}

module "gateway" {
  source = "../modules/azure-gateway"
  count  = var.gateway == null ? 0 : 1

  name                 = var.name
  dns_label            = "${var.name}-${local.suffix}"
  resource_group_name  = azurerm_resource_group.this.name
  region               = var.region
  tags                 = local.tags
  zones                = var.zones
  cluster_principal_id = module.cluster.identity_principal_id
  issuer               = module.cluster.oidc_issuer_url
  dns_zone_id          = var.gateway.dns_zone_id
}

module "team" {
  source   = "../modules/azure-team"
  for_each = var.teams

  team                = each.key
  name                = var.name
  resource_group_name = azurerm_resource_group.this.name
  region              = var.region
  tags                = local.tags
  storage_account_id  = module.storage.account_id
  namespaces          = each.value.namespaces
  members             = each.value.members
  node_pool           = each.value.node_pool
  node_provisioning   = var.node_provisioning
  host_encryption     = var.own_keys
  cluster = {
    id              = module.cluster.id
    issuer          = module.cluster.oidc_issuer_url
    nodes_subnet_id = module.network.nodes_subnet_id
  }
}

# The example's addresses are set aside for documentation: nobody has one.
check "authorized_cidrs" {
  assert {
    condition     = var.private_cluster || anytrue([for cidr in var.authorized_cidrs : !can(regex("^(192\\.0\\.2|198\\.51\\.100|203\\.0\\.113)\\.", cidr))])
    error_message = "authorized_cidrs has no address but the example's, so that nobody will reach the API server: put in your own (curl -4 https://icanhazip.com)."
  }
}
