# What is refused.
mock_provider "azurerm" {}

variables {
  name                = "rayworks"
  resource_group_name = "rg-rayworks"
  region              = "westus3"
  api_server          = { private = true }
  network = {
    virtual_network_id  = "/subscriptions/00000000-0000-0000-0000-000000000000/resourceGroups/rg-rayworks/providers/Microsoft.Network/virtualNetworks/vnet-rayworks"
    nodes_subnet_id     = "/subscriptions/00000000-0000-0000-0000-000000000000/resourceGroups/rg-rayworks/providers/Microsoft.Network/virtualNetworks/vnet-rayworks/subnets/nodes"
    apiserver_subnet_id = "/subscriptions/00000000-0000-0000-0000-000000000000/resourceGroups/rg-rayworks/providers/Microsoft.Network/virtualNetworks/vnet-rayworks/subnets/apiserver"
  }
}

run "a_patch_version" {
  command = plan

  variables {
    kubernetes_version = "1.35.2"
  }

  expect_failures = [var.kubernetes_version]
}

run "private_and_public" {
  command = plan

  variables {
    api_server = { private = true, authorized_cidrs = ["198.18.0.7/32"] }
  }

  expect_failures = [var.api_server]
}

run "another_provisioning" {
  command = plan

  variables {
    node_provisioning = "karpenter"
  }

  expect_failures = [var.node_provisioning]
}

run "fewer_at_most_than_at_least" {
  command = plan

  variables {
    system_pool = { min = 3, max = 2 }
  }

  expect_failures = [var.system_pool]
}

run "channel" {
  command = plan

  variables {
    upgrades = { channel = "nightly" }
  }

  expect_failures = [var.upgrades]
}

run "day" {
  command = plan

  variables {
    upgrades = { day = "sunday" }
  }

  expect_failures = [var.upgrades]
}

run "time" {
  command = plan

  variables {
    upgrades = { time = "2:00" }
  }

  expect_failures = [var.upgrades]
}

run "hours" {
  command = plan

  variables {
    upgrades = { hours = 2 }
  }

  expect_failures = [var.upgrades]
}
