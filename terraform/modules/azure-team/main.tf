/**
 * # azure-team
 *
 * What a team has beside the release of chart ray-team: identity, container, and nodes of its own by choice.
 */

locals {
  namespaces = length(var.namespaces) > 0 ? var.namespaces : toset([var.team])
}

module "identity" {
  source = "../azure-identity"

  name                = "${var.name}-${var.team}"
  resource_group_name = var.resource_group_name
  region              = var.region
  tags                = var.tags
  issuer              = var.cluster.issuer
  service_accounts    = [for namespace in local.namespaces : "${namespace}/${var.service_account}"]
}

resource "azurerm_storage_container" "this" {
  #checkov:skip=CKV2_AZURE_21: a log of each read of training data would be larger than the data

  name                  = var.team
  storage_account_id    = var.storage_account_id
  container_access_type = "private"
}

# Its own container, and no other's.
resource "azurerm_role_assignment" "storage" {
  scope                            = azurerm_storage_container.this.id
  role_definition_name             = "Storage Blob Data Contributor"
  principal_id                     = module.identity.principal_id
  principal_type                   = "ServicePrincipal"
  skip_service_principal_aad_check = true
}

# To fetch a kubeconfig, which opens nothing by itself.
resource "azurerm_role_assignment" "members" {
  count = var.members == null ? 0 : 1

  scope                = var.cluster.id
  role_definition_name = "Azure Kubernetes Service Cluster User Role"
  principal_id         = var.members
  principal_type       = "Group"
}

module "node_pool" {
  source = "../aks-node-pools"
  count  = var.node_pool == null ? 0 : 1

  node_provisioning = var.node_provisioning
  cluster_id        = var.cluster.id
  subnet_id         = var.cluster.nodes_subnet_id
  host_encryption   = var.host_encryption
  gpu_sharing       = var.gpu_sharing
  tags              = var.tags
  pools = {
    (var.team) = merge(var.node_pool, { taints = ["rayworks.io/team=${var.team}:NoSchedule"] })
  }
}
