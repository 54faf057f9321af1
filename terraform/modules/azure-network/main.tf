/**
 * # azure-network
 *
 * A virtual network for a cluster: subnets for nodes, private endpoints and the API server, and a NAT gateway by choice.
 */

locals {
  # Nodes have the first quarter: with an overlay they alone take addresses of the network.
  nodes     = cidrsubnet(var.address_space, 2, 0)
  endpoints = cidrsubnet(var.address_space, 4, 4)
  apiserver = cidrsubnet(var.address_space, 4, 5)
  nat       = var.outbound == "userAssignedNATGateway"
}

resource "azurerm_virtual_network" "this" {
  name                = "vnet-${var.name}"
  location            = var.region
  resource_group_name = var.resource_group_name
  address_space       = [var.address_space]
  tags                = var.tags
}

# No network security group here: AKS keeps one at the nodes' interfaces, and opens it for the load balancers that
# Services ask for. A second one at the subnet would close them again.
resource "azurerm_subnet" "nodes" {
  #checkov:skip=CKV2_AZURE_31: AKS keeps a security group at the nodes' interfaces

  name                            = "nodes"
  resource_group_name             = var.resource_group_name
  virtual_network_name            = azurerm_virtual_network.this.name
  address_prefixes                = [local.nodes]
  default_outbound_access_enabled = false
}

resource "azurerm_subnet" "endpoints" {
  name                              = "endpoints"
  resource_group_name               = var.resource_group_name
  virtual_network_name              = azurerm_virtual_network.this.name
  address_prefixes                  = [local.endpoints]
  default_outbound_access_enabled   = false
  private_endpoint_network_policies = "NetworkSecurityGroupEnabled"
}

# The API server's own addresses, which nodes reach without leaving the network.
resource "azurerm_subnet" "apiserver" {
  #checkov:skip=CKV2_AZURE_31: the subnet is AKS's alone, which guards it

  name                            = "apiserver"
  resource_group_name             = var.resource_group_name
  virtual_network_name            = azurerm_virtual_network.this.name
  address_prefixes                = [local.apiserver]
  default_outbound_access_enabled = false

  delegation {
    name = "aks"

    service_delegation {
      name    = "Microsoft.ContainerService/managedClusters"
      actions = ["Microsoft.Network/virtualNetworks/subnets/join/action"]
    }
  }
}

resource "azurerm_network_security_group" "endpoints" {
  name                = "nsg-${var.name}-endpoints"
  location            = var.region
  resource_group_name = var.resource_group_name
  tags                = var.tags

  # By default all of the network may come in, by any port.
  security_rule {
    name                       = "nodes"
    priority                   = 100
    direction                  = "Inbound"
    access                     = "Allow"
    protocol                   = "Tcp"
    source_address_prefix      = local.nodes
    source_port_range          = "*"
    destination_address_prefix = local.endpoints
    destination_port_ranges    = ["443", "10000"]
  }

  security_rule {
    name                       = "nobody-else"
    priority                   = 4096
    direction                  = "Inbound"
    access                     = "Deny"
    protocol                   = "*"
    source_address_prefix      = "*"
    source_port_range          = "*"
    destination_address_prefix = "*"
    destination_port_range     = "*"
  }
}

resource "azurerm_subnet_network_security_group_association" "endpoints" {
  subnet_id                 = azurerm_subnet.endpoints.id
  network_security_group_id = azurerm_network_security_group.endpoints.id
}

resource "azurerm_public_ip" "nat" {
  count = local.nat ? 1 : 0

  name                = "pip-${var.name}-nat"
  location            = var.region
  resource_group_name = var.resource_group_name
  allocation_method   = "Static"
  sku                 = "Standard"
  tags                = var.tags
}

resource "azurerm_nat_gateway" "this" {
  count = local.nat ? 1 : 0

  name                = "ng-${var.name}"
  location            = var.region
  resource_group_name = var.resource_group_name
  sku_name            = "Standard"
  tags                = var.tags
}

resource "azurerm_nat_gateway_public_ip_association" "this" {
  count = local.nat ? 1 : 0

  nat_gateway_id       = azurerm_nat_gateway.this[0].id
  public_ip_address_id = azurerm_public_ip.nat[0].id
}

resource "azurerm_subnet_nat_gateway_association" "nodes" {
  count = local.nat ? 1 : 0

  subnet_id      = azurerm_subnet.nodes.id
  nat_gateway_id = azurerm_nat_gateway.this[0].id

  depends_on = [azurerm_nat_gateway_public_ip_association.this]
}
