# Labels, taints, counts and sizes.
mock_provider "azurerm" {}

variables {
  cluster_id = "/subscriptions/00000000-0000-0000-0000-000000000000/resourceGroups/rg-rayworks/providers/Microsoft.ContainerService/managedClusters/aks-rayworks"
  subnet_id  = "/subscriptions/00000000-0000-0000-0000-000000000000/resourceGroups/rg-rayworks/providers/Microsoft.Network/virtualNetworks/vnet-rayworks/subnets/nodes"
  pools = {
    cpu = { size = "Standard_D16s_v5", min = 1, max = 10, zones = ["1", "2"], spot = true }
    gpu = { size = "Standard_NC96ads_A100_v4", max = 3 }
  }
}

run "regular" {
  command = plan

  assert {
    condition     = azurerm_kubernetes_cluster_node_pool.this["cpu"].auto_scaling_enabled && azurerm_kubernetes_cluster_node_pool.this["cpu"].min_count == 1 && azurerm_kubernetes_cluster_node_pool.this["cpu"].max_count == 10
    error_message = "The autoscaler sizes the pool."
  }

  assert {
    condition     = azurerm_kubernetes_cluster_node_pool.this["cpu"].node_labels == tomap({ "rayworks.io/pool" = "cpu" }) && length(azurerm_kubernetes_cluster_node_pool.this["cpu"].node_taints) == 0
    error_message = "Nodes have the pool's label, and take anybody."
  }
}

run "gpus" {
  command = plan

  assert {
    condition     = azurerm_kubernetes_cluster_node_pool.this["gpu"].min_count == 0 && azurerm_kubernetes_cluster_node_pool.this["gpu"].node_count == 0
    error_message = "GPU nodes come from zero."
  }

  assert {
    condition     = azurerm_kubernetes_cluster_node_pool.this["gpu"].node_taints == tolist(["nvidia.com/gpu=present:NoSchedule"]) && azurerm_kubernetes_cluster_node_pool.this["gpu"].gpu_driver == "Install"
    error_message = "GPU nodes have the one taint, and the driver."
  }

  assert {
    condition     = output.helm_pools.gpu.sizes.small.requests.cpu == "21" && output.helm_pools.gpu.sizes.large.requests.memory == "748Gi"
    error_message = "Small is the share of one of the four GPUs, large the machine."
  }
}

run "spot" {
  command = plan

  assert {
    condition = (
      azurerm_kubernetes_cluster_node_pool.this["spot-cpu"].name == "spotcpu"
      && azurerm_kubernetes_cluster_node_pool.this["spot-cpu"].priority == "Spot"
      && azurerm_kubernetes_cluster_node_pool.this["spot-cpu"].eviction_policy == "Delete"
      && azurerm_kubernetes_cluster_node_pool.this["spot-cpu"].min_count == 0
    )
    error_message = "Spot nodes come from zero, and go when they are evicted."
  }

  assert {
    condition     = azurerm_kubernetes_cluster_node_pool.this["spot-cpu"].node_labels["rayworks.io/pool"] == "cpu" && azurerm_kubernetes_cluster_node_pool.this["spot-cpu"].node_taints == tolist(["kubernetes.azure.com/scalesetpriority=spot:NoSchedule"])
    error_message = "They are the pool's, and take only who bears them."
  }

  assert {
    condition     = length(azurerm_kubernetes_cluster_node_pool.this["spot-cpu"].upgrade_settings) == 0
    error_message = "Spot machines may not surge."
  }
}

run "mig" {
  command = plan

  variables {
    pools = { parts = { size = "Standard_NC24ads_A100_v4", max = 1, mig = "MIG2g" } }
  }

  assert {
    condition     = azurerm_kubernetes_cluster_node_pool.this["parts"].gpu_instance == "MIG2g" && output.machines.parts.gpus == 3 && output.helm_pools.parts.sizes.small.requests.cpu == "7"
    error_message = "A cut GPU is several, with a share of the machine each."
  }
}

run "auto" {
  command = plan

  variables {
    node_provisioning = "auto"
  }

  assert {
    condition     = length(azurerm_kubernetes_cluster_node_pool.this) == 0 && toset(keys(output.machines)) == toset(["cpu", "gpu", "spot-cpu"])
    error_message = "No node pools are made, and all are described."
  }
}
