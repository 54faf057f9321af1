output "virtual_network_id" {
  description = "Id of the network."
  value       = azurerm_virtual_network.this.id
}

output "nodes_subnet_id" {
  description = "Id of the nodes' subnet; known only when the nodes have a way out."
  value       = azurerm_subnet.nodes.id
  depends_on  = [azurerm_subnet_nat_gateway_association.nodes]
}

output "endpoints_subnet_id" {
  description = "Id of the subnet for private endpoints; known only when its rules hold."
  value       = azurerm_subnet.endpoints.id
  depends_on  = [azurerm_subnet_network_security_group_association.endpoints]
}

output "apiserver_subnet_id" {
  description = "Id of the API server's subnet."
  value       = azurerm_subnet.apiserver.id
}

output "apiserver_cidr" {
  description = "Addresses of the API server within the network."
  value       = local.apiserver
}

output "nat_address" {
  description = "Address from which nodes reach the internet; null without a NAT gateway."
  value       = one(azurerm_public_ip.nat[*].ip_address)
}
