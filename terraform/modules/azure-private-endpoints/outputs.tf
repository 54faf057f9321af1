output "addresses" {
  description = "Private address of each endpoint, by name."
  value       = { for name, one in azurerm_private_endpoint.this : name => one.private_service_connection[0].private_ip_address }
  depends_on  = [azurerm_private_dns_zone_virtual_network_link.this]
}
