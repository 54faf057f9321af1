# The public entrance.
mock_provider "azurerm" {
  mock_data "azurerm_client_config" {
    defaults = {
      subscription_id = "00000000-0000-0000-0000-000000000000"
      tenant_id       = "11111111-1111-1111-1111-111111111111"
      client_id       = "22222222-2222-2222-2222-222222222222"
      object_id       = "33333333-3333-3333-3333-333333333333"
    }
  }
}

variables {
  authorized_cidrs = ["198.18.0.7/32"]
}

run "azures_domain" {
  command = plan

  variables {
    gateway = { email = "platform@example.org" }
  }

  assert {
    condition     = output.helm_values.ingress.gateway.name == "rayworks" && output.helm_values.ingress.domain == ""
    error_message = "Services share one name, by path."
  }

  assert {
    condition     = output.add_ons.cert_manager.gateway && output.add_ons.gateway.dns == null
    error_message = "cert-manager comes along, and asks over HTTP."
  }
}

run "a_zone" {
  command = plan

  variables {
    gateway = { email = "platform@example.org", dns_zone_id = "/subscriptions/00000000-0000-0000-0000-000000000000/resourceGroups/dns/providers/Microsoft.Network/dnsZones/ml.example.org" }
  }

  assert {
    condition     = output.helm_values.ingress.domain == "ml.example.org" && output.add_ons.gateway.host == "*.ml.example.org"
    error_message = "Each service has a name in the zone."
  }
}

run "nobody_to_write_to" {
  command = plan

  variables {
    gateway = { email = "platform" }
  }

  expect_failures = [var.gateway]
}
