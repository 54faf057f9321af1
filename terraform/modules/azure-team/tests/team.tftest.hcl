# What a team has.
mock_provider "azurerm" {}

variables {
  team                = "red"
  name                = "rayworks"
  resource_group_name = "rg-rayworks"
  region              = "westus3"
  storage_account_id  = "/subscriptions/00000000-0000-0000-0000-000000000000/resourceGroups/rg-rayworks-data/providers/Microsoft.Storage/storageAccounts/strayworks0a1b2c"
  cluster = {
    id              = "/subscriptions/00000000-0000-0000-0000-000000000000/resourceGroups/rg-rayworks/providers/Microsoft.ContainerService/managedClusters/aks-rayworks"
    issuer          = "https://westus3.oic.prod-aks.azure.com/00000000-0000-0000-0000-000000000000/11111111-1111-1111-1111-111111111111/"
    nodes_subnet_id = "/subscriptions/00000000-0000-0000-0000-000000000000/resourceGroups/rg-rayworks/providers/Microsoft.Network/virtualNetworks/vnet-rayworks/subnets/nodes"
  }
}

run "least" {
  command = plan

  assert {
    condition     = output.storage_uri == "abfss://red@strayworks0a1b2c.dfs.core.windows.net" && output.helm_values.global.ray.storage.uri == output.storage_uri
    error_message = "The team has a container."
  }

  assert {
    condition     = length(azurerm_role_assignment.members) == 0 && length(output.machines) == 0
    error_message = "It has no group and no machines."
  }
}

run "with_members_and_machines" {
  command = plan

  variables {
    members   = "44444444-4444-4444-4444-444444444444"
    node_pool = { size = "Standard_D32s_v5", max = 2 }
  }

  assert {
    condition     = azurerm_role_assignment.members[0].role_definition_name == "Azure Kubernetes Service Cluster User Role" && output.helm_values.roles.deployer.groups == ["44444444-4444-4444-4444-444444444444"]
    error_message = "Members fetch credentials, and deploy in their namespace."
  }

  assert {
    condition     = output.machines.red.taints == tolist(["rayworks.io/team=red:NoSchedule"]) && output.helm_values.global.ray.pools.red.nodeSelector["rayworks.io/pool"] == "red"
    error_message = "Its machines take its pods only."
  }
}

run "name" {
  command = plan

  variables {
    team = "Red"
  }

  expect_failures = [var.team]
}
