/**
 * # azure-private-endpoints
 *
 * Private endpoints, and the private DNS zones by which their names are found in a network. For azurerm 5: azurerm 4
 * writes the links of DNS zones otherwise.
 */

locals {
  zones = toset([for one in values(var.endpoints) : one.zone])
}

resource "azurerm_private_dns_zone" "this" {
  for_each = local.zones

  name                = each.key
  resource_group_name = var.resource_group_name
  tags                = var.tags
}

resource "azurerm_private_dns_zone_virtual_network_link" "this" {
  for_each = local.zones

  name                = var.name
  private_dns_zone_id = azurerm_private_dns_zone.this[each.key].id
  virtual_network_id  = var.virtual_network_id
  tags                = var.tags
}

resource "azurerm_private_endpoint" "this" {
  for_each = var.endpoints

  name                          = "pe-${var.name}-${each.key}"
  location                      = var.region
  resource_group_name           = var.resource_group_name
  subnet_id                     = var.subnet_id
  custom_network_interface_name = "nic-${var.name}-${each.key}"
  tags                          = var.tags

  private_service_connection {
    name                           = each.key
    private_connection_resource_id = each.value.resource_id
    subresource_names              = [each.value.subresource]
    is_manual_connection           = false
  }

  private_dns_zone_group {
    name                 = "default"
    private_dns_zone_ids = [azurerm_private_dns_zone.this[each.value.zone].id]
  }
}
