# What the cluster is.
mock_provider "azurerm" {}

variables {
  name                = "rayworks"
  resource_group_name = "rg-rayworks"
  region              = "westus3"
  api_server          = { authorized_cidrs = ["198.18.0.7/32"] }
  network = {
    virtual_network_id  = "/subscriptions/00000000-0000-0000-0000-000000000000/resourceGroups/rg-rayworks/providers/Microsoft.Network/virtualNetworks/vnet-rayworks"
    nodes_subnet_id     = "/subscriptions/00000000-0000-0000-0000-000000000000/resourceGroups/rg-rayworks/providers/Microsoft.Network/virtualNetworks/vnet-rayworks/subnets/nodes"
    apiserver_subnet_id = "/subscriptions/00000000-0000-0000-0000-000000000000/resourceGroups/rg-rayworks/providers/Microsoft.Network/virtualNetworks/vnet-rayworks/subnets/apiserver"
  }
}

run "identity" {
  command = plan

  assert {
    condition     = azurerm_kubernetes_cluster.this.local_account_disabled && azurerm_kubernetes_cluster.this.azure_active_directory_role_based_access_control[0].azure_rbac_enabled
    error_message = "Entra alone says who somebody is, and what they may do."
  }

  assert {
    condition     = azurerm_kubernetes_cluster.this.oidc_issuer_enabled && azurerm_kubernetes_cluster.this.workload_identity_enabled
    error_message = "Pods can take identities on."
  }
}

run "network" {
  command = plan

  assert {
    condition = (
      azurerm_kubernetes_cluster.this.network_profile[0].network_plugin_mode == "overlay"
      && azurerm_kubernetes_cluster.this.network_profile[0].network_data_plane == "cilium"
      && azurerm_kubernetes_cluster.this.network_profile[0].network_policy == "cilium"
    )
    error_message = "Pods are in an overlay, and Cilium enforces policies."
  }

  assert {
    condition     = azurerm_kubernetes_cluster.this.network_profile[0].dns_service_ip == "10.245.0.10"
    error_message = "DNS has an address of the services' range."
  }

  assert {
    condition     = azurerm_kubernetes_cluster.this.api_server_access_profile[0].authorized_ip_ranges == toset(["198.18.0.7/32"])
    error_message = "The API server lets in the one address."
  }
}

run "private" {
  command = plan

  variables {
    api_server = { private = true }
  }

  assert {
    condition     = azurerm_kubernetes_cluster.this.private_cluster_enabled && azurerm_kubernetes_cluster.this.run_command_enabled
    error_message = "The API server has no public address, and az aks command invoke is the way in."
  }
}

run "autoscaling" {
  command = plan

  assert {
    condition     = azurerm_kubernetes_cluster.this.default_node_pool[0].auto_scaling_enabled && azurerm_kubernetes_cluster.this.default_node_pool[0].only_critical_addons_enabled
    error_message = "System nodes are tainted, and the autoscaler sizes them."
  }

  assert {
    condition     = azurerm_kubernetes_cluster.this.auto_scaler_profile[0].expander == "least-waste" && azurerm_kubernetes_cluster.this.auto_scaler_profile[0].skip_nodes_with_local_storage
    error_message = "The autoscaler wastes little, and takes no node from under Ray."
  }
}

run "spot_first" {
  command = plan

  variables {
    prefer_spot = true
  }

  assert {
    condition     = azurerm_kubernetes_cluster.this.auto_scaler_profile[0].expander == "priority"
    error_message = "The order of pools is the ConfigMap's."
  }
}

run "auto_provisioning" {
  command = plan

  variables {
    node_provisioning = "auto"
  }

  assert {
    condition     = azurerm_kubernetes_cluster.this.node_provisioning_profile[0].mode == "Auto" && azurerm_kubernetes_cluster.this.node_provisioning_profile[0].default_node_pools == "None"
    error_message = "AKS makes nodes, for our NodePools only."
  }

  assert {
    condition     = azurerm_kubernetes_cluster.this.default_node_pool[0].node_count == 2 && !azurerm_kubernetes_cluster.this.default_node_pool[0].auto_scaling_enabled && length(azurerm_kubernetes_cluster.this.auto_scaler_profile) == 0
    error_message = "The cluster autoscaler is off."
  }
}

run "logs_and_metrics" {
  command = plan

  variables {
    log_analytics      = { workspace_id = "/subscriptions/00000000-0000-0000-0000-000000000000/resourceGroups/rg-rayworks/providers/Microsoft.OperationalInsights/workspaces/log-rayworks" }
    managed_prometheus = true
  }

  assert {
    condition     = azurerm_kubernetes_cluster.this.oms_agent[0].msi_auth_for_monitoring_enabled && length(azurerm_kubernetes_cluster.this.monitor_metrics) == 1
    error_message = "Agents for logs and metrics are on."
  }

  assert {
    condition     = toset(azurerm_monitor_diagnostic_setting.control_plane[0].enabled_log[*].category) == toset(["kube-audit-admin", "guard", "cluster-autoscaler"])
    error_message = "The control plane's logs are kept."
  }
}
