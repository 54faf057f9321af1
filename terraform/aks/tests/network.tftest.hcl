# Address ranges.
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

run "nat_gateway" {
  command = plan

  variables {
    network = { address_space = "10.128.0.0/14", outbound = "userAssignedNATGateway" }
  }

  assert {
    condition     = output.helm_values.network.apiServer.cidrs == ["10.129.64.0/18"]
    error_message = "The charts know where the API server is."
  }
}

run "no_range" {
  command = plan

  variables {
    network = { pods = "10.244.0.0" }
  }

  expect_failures = [var.network]
}

run "overlap" {
  command = plan

  variables {
    network = { address_space = "10.240.0.0/12" }
  }

  expect_failures = [var.network]
}
