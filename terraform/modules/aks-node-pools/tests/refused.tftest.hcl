# What is refused.
mock_provider "azurerm" {}

variables {
  cluster_id = "/subscriptions/00000000-0000-0000-0000-000000000000/resourceGroups/rg-rayworks/providers/Microsoft.ContainerService/managedClusters/aks-rayworks"
  subnet_id  = "/subscriptions/00000000-0000-0000-0000-000000000000/resourceGroups/rg-rayworks/providers/Microsoft.Network/virtualNetworks/vnet-rayworks/subnets/nodes"
  pools      = {}
}

run "another_provisioning" {
  command = plan

  variables {
    node_provisioning = "karpenter"
  }

  expect_failures = [var.node_provisioning]
}

run "half_a_share" {
  command = plan

  variables {
    gpu_sharing = 1.5
  }

  expect_failures = [var.gpu_sharing]
}

run "long_name" {
  command = plan

  variables {
    pools = { ninechars = { size = "Standard_D16s_v5", max = 1 } }
  }

  expect_failures = [var.pools]
}

run "unknown_size" {
  command = plan

  variables {
    pools = { cpu = { size = "Standard_D16s", max = 1 } }
  }

  expect_failures = [var.pools]
}

run "retired_size" {
  command = plan

  variables {
    pools = { gpu = { size = "Standard_NC6s_v3", max = 1 } }
  }

  expect_failures = [var.pools]
}

run "small_size" {
  command = plan

  variables {
    pools = { cpu = { size = "Standard_D2s_v5", max = 1 } }
  }

  expect_failures = [var.pools]
}

run "fewer_at_most_than_at_least" {
  command = plan

  variables {
    pools = { cpu = { size = "Standard_D16s_v5", min = 3, max = 2 } }
  }

  expect_failures = [var.pools]
}

run "mig_without_such_a_gpu" {
  command = plan

  variables {
    pools = { gpu = { size = "Standard_NC8as_T4_v3", max = 2, mig = "MIG1g" } }
  }

  expect_failures = [var.pools]
}
