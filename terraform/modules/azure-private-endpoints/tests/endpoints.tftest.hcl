# Endpoints and their names.
mock_provider "azurerm" {}

variables {
  name                = "rayworks"
  resource_group_name = "rg-rayworks"
  region              = "westus3"
  virtual_network_id  = "/subscriptions/00000000-0000-0000-0000-000000000000/resourceGroups/rg-rayworks/providers/Microsoft.Network/virtualNetworks/vnet-rayworks"
  subnet_id           = "/subscriptions/00000000-0000-0000-0000-000000000000/resourceGroups/rg-rayworks/providers/Microsoft.Network/virtualNetworks/vnet-rayworks/subnets/endpoints"
  endpoints = {
    blob = {
      resource_id = "/subscriptions/00000000-0000-0000-0000-000000000000/resourceGroups/rg-rayworks/providers/Microsoft.Storage/storageAccounts/strayworks"
      subresource = "blob"
      zone        = "privatelink.blob.core.windows.net"
    }
  }
}

run "one" {
  command = plan

  assert {
    condition     = azurerm_private_endpoint.this["blob"].private_service_connection[0].subresource_names == tolist(["blob"])
    error_message = "The endpoint is the blob service's."
  }

  assert {
    condition     = toset(keys(azurerm_private_dns_zone_virtual_network_link.this)) == toset(["privatelink.blob.core.windows.net"])
    error_message = "Its name is resolved in the network."
  }
}

run "a_public_zone" {
  command = plan

  variables {
    endpoints = {
      blob = { resource_id = "x", subresource = "blob", zone = "blob.core.windows.net" }
    }
  }

  expect_failures = [var.endpoints]
}
