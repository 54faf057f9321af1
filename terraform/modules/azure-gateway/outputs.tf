output "address_name" {
  description = "Name of the public address."
  value       = azurerm_public_ip.this.name
}

output "host" {
  description = "Host of the gateway: `*.<zone>`, or the one name in Azure's domain."
  value       = local.zone == null ? azurerm_public_ip.this.fqdn : "*.${local.zone.name}"
}

output "domain" {
  description = "Domain in which each service has a name; empty without a zone."
  value       = local.zone == null ? "" : local.zone.name
}

output "dns" {
  description = "What cert-manager needs to write to the zone: `client_id`, `zone`, `resource_group`, `subscription_id`; null without one."
  value = local.zone == null ? null : {
    client_id       = module.cert_manager[0].client_id
    zone            = local.zone.name
    resource_group  = local.zone.resource_group
    subscription_id = split("/", var.dns_zone_id)[2]
  }
}
