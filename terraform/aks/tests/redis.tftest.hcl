# Redis for GCS fault tolerance.
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

run "none" {
  command = plan

  assert {
    condition     = output.add_ons.redis == null && !can(output.helm_values.redis)
    error_message = "Without it the charts have no address."
  }
}

run "one" {
  command = plan

  variables {
    redis = { high_availability = false }
  }

  assert {
    condition     = output.helm_values.redis.tls && output.helm_values.redis.credentialsSecret == output.add_ons.redis.secret
    error_message = "The charts ask by TLS, and take the password from the Secret that the deployment makes."
  }
}
