# Who reaches the API server.
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

run "private" {
  command = plan

  variables {
    private_cluster  = true
    authorized_cidrs = []
  }

  assert {
    condition     = output.cluster_name == "aks-rayworks"
    error_message = "A private cluster needs no address."
  }
}

run "nobody" {
  command = plan

  variables {
    authorized_cidrs = []
  }

  expect_failures = [var.authorized_cidrs]
}

run "everybody" {
  command = plan

  variables {
    authorized_cidrs = ["0.0.0.0/0"]
  }

  expect_failures = [var.authorized_cidrs]
}

run "no_network" {
  command = plan

  variables {
    authorized_cidrs = ["198.18.0.7"]
  }

  expect_failures = [var.authorized_cidrs]
}

run "the_examples" {
  command = plan

  variables {
    authorized_cidrs = ["203.0.113.7/32"]
  }

  expect_failures = [check.authorized_cidrs]
}

run "no_group" {
  command = plan

  variables {
    administrators = ["platform-team"]
  }

  expect_failures = [var.administrators]
}
