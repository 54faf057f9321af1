# The public address and its names.
mock_provider "azurerm" {}

variables {
  name                 = "rayworks"
  dns_label            = "rayworks-0a1b2c"
  resource_group_name  = "rg-rayworks"
  region               = "westus3"
  cluster_principal_id = "55555555-5555-5555-5555-555555555555"
  issuer               = "https://westus3.oic.prod-aks.azure.com/00000000-0000-0000-0000-000000000000/11111111-1111-1111-1111-111111111111/"
}

run "azures_domain" {
  command = plan

  assert {
    condition     = azurerm_public_ip.this.domain_name_label == "rayworks-0a1b2c" && azurerm_public_ip.this.allocation_method == "Static"
    error_message = "The address stays, and has a name."
  }

  assert {
    condition     = azurerm_role_assignment.address.role_definition_name == "Network Contributor" && length(azurerm_dns_a_record.services) == 0
    error_message = "The cluster may use the address."
  }
}

run "a_zone" {
  command = plan

  variables {
    dns_zone_id = "/subscriptions/00000000-0000-0000-0000-000000000000/resourceGroups/dns/providers/Microsoft.Network/dnsZones/ml.example.org"
  }

  assert {
    condition     = azurerm_dns_a_record.services[0].name == "*" && azurerm_dns_a_record.services[0].zone_name == "ml.example.org" && azurerm_dns_a_record.services[0].resource_group_name == "dns"
    error_message = "Every name of the zone leads to the gateway."
  }

  assert {
    condition     = azurerm_role_assignment.zone[0].role_definition_name == "DNS Zone Contributor" && output.host == "*.ml.example.org"
    error_message = "cert-manager may prove that the zone is ours."
  }
}

run "label" {
  command = plan

  variables {
    dns_label = "Rayworks"
  }

  expect_failures = [var.dns_label]
}

run "no_zone" {
  command = plan

  variables {
    dns_zone_id = "ml.example.org"
  }

  expect_failures = [var.dns_zone_id]
}
