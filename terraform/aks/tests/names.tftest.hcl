# Names and places that Azure would refuse.
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

run "long" {
  command = plan

  variables {
    name = "seventeenletters1"
  }

  expect_failures = [var.name]
}

run "capitals" {
  command = plan

  variables {
    name = "Rayworks"
  }

  expect_failures = [var.name]
}

run "region_as_the_portal_writes_it" {
  command = plan

  variables {
    region = "West US 3"
  }

  expect_failures = [var.region]
}

run "region_without_what_is_needed" {
  command = plan

  variables {
    region = "qatarcentral"
  }

  expect_failures = [var.region]
}

run "zone" {
  command = plan

  variables {
    zones = ["westus3-1"]
  }

  expect_failures = [var.zones]
}

run "tags" {
  command = plan

  variables {
    name = "lab"
    tags = { cost-center = "42", rayworks-deployment = "other" }
  }

  assert {
    condition     = output.tags["cost-center"] == "42" && output.tags["rayworks-deployment"] == "lab"
    error_message = "The deployment's own tag cannot be lost."
  }
}
