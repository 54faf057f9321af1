# The network and its subnets.
mock_provider "azurerm" {}

variables {
  name                = "rayworks"
  resource_group_name = "rg-rayworks"
  region              = "westus3"
}

run "defaults" {
  command = plan

  assert {
    condition     = azurerm_subnet.nodes.address_prefixes == tolist(["10.20.0.0/18"]) && azurerm_subnet.apiserver.address_prefixes == tolist(["10.20.80.0/20"])
    error_message = "Nodes have a quarter of the network, the API server a sixteenth."
  }

  assert {
    condition     = azurerm_subnet.apiserver.delegation[0].service_delegation[0].name == "Microsoft.ContainerService/managedClusters"
    error_message = "The API server's subnet is AKS's."
  }

  assert {
    condition     = length(azurerm_nat_gateway.this) == 0
    error_message = "No gateway is paid for that nobody asked for."
  }
}

run "nat_gateway" {
  command = plan

  variables {
    outbound = "userAssignedNATGateway"
  }

  assert {
    condition     = length(azurerm_subnet_nat_gateway_association.nodes) == 1
    error_message = "Nodes go out through the gateway."
  }
}

run "small" {
  command = plan

  variables {
    address_space = "10.20.0.0/24"
  }

  expect_failures = [var.address_space]
}

run "another_way_out" {
  command = plan

  variables {
    outbound = "managedNATGateway"
  }

  expect_failures = [var.outbound]
}
