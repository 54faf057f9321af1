/**
 * # azure-gateway
 *
 * A public address for a cluster's gateway, with names for it, and the identity by which cert-manager proves that a DNS
 * zone is ours.
 */

locals {
  zone = var.dns_zone_id == null ? null : {
    resource_group = split("/", var.dns_zone_id)[4]
    name           = split("/", var.dns_zone_id)[8]
  }
}

# Made here, not by the cluster, so that it outlives the load balancer and DNS can point to it.
resource "azurerm_public_ip" "this" {
  name                = "pip-${var.name}-gateway"
  location            = var.region
  resource_group_name = var.resource_group_name
  allocation_method   = "Static"
  sku                 = "Standard"
  domain_name_label   = var.dns_label
  zones               = length(var.zones) > 0 ? var.zones : null
  tags                = var.tags
}

resource "azurerm_role_assignment" "address" {
  scope                            = azurerm_public_ip.this.id
  role_definition_name             = "Network Contributor"
  principal_id                     = var.cluster_principal_id
  principal_type                   = "ServicePrincipal"
  skip_service_principal_aad_check = true
}

resource "azurerm_dns_a_record" "services" {
  count = local.zone == null ? 0 : 1

  name                = "*"
  zone_name           = local.zone.name
  resource_group_name = local.zone.resource_group
  ttl                 = 300
  target_resource_id  = azurerm_public_ip.this.id
  tags                = var.tags
}

# A certificate for all names of a zone is given to who can write to the zone.
module "cert_manager" {
  source = "../azure-identity"
  count  = local.zone == null ? 0 : 1

  name                = "${var.name}-cert-manager"
  resource_group_name = var.resource_group_name
  region              = var.region
  tags                = var.tags
  issuer              = var.issuer
  service_accounts    = ["cert-manager/cert-manager"]
}

resource "azurerm_role_assignment" "zone" {
  count = local.zone == null ? 0 : 1

  scope                            = var.dns_zone_id
  role_definition_name             = "DNS Zone Contributor"
  principal_id                     = module.cert_manager[0].principal_id
  principal_type                   = "ServicePrincipal"
  skip_service_principal_aad_check = true
}
