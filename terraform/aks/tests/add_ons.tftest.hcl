# Optional add-ons, on and off.
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

run "off" {
  command = plan

  variables {
    add_ons = { kueue = false, external_secrets = false }
  }

  assert {
    condition     = output.add_ons.kueue == false && output.add_ons.external_secrets == null && output.add_ons.cert_manager == null
    error_message = "None is wanted."
  }
}
