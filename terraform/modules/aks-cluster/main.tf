/**
 * # aks-cluster
 *
 * An AKS cluster: Entra's identities and roles only, overlay network with Cilium, API server in the network, system nodes
 * that take nothing else, weekly windows for upgrades.
 */

locals {
  auto = var.node_provisioning == "auto"
}

resource "azurerm_user_assigned_identity" "cluster" {
  name                = "id-${var.name}-cluster"
  location            = var.region
  resource_group_name = var.resource_group_name
  tags                = var.tags
}

# To join nodes and the API server to the subnets, and load balancers to the network.
resource "azurerm_role_assignment" "network" {
  scope                            = var.network.virtual_network_id
  role_definition_name             = "Network Contributor"
  principal_id                     = azurerm_user_assigned_identity.cluster.principal_id
  principal_type                   = "ServicePrincipal"
  skip_service_principal_aad_check = true
}

# Nodes pull images as this one.
resource "azurerm_user_assigned_identity" "nodes" {
  name                = "id-${var.name}-nodes"
  location            = var.region
  resource_group_name = var.resource_group_name
  tags                = var.tags
}

# To hand it to the nodes.
resource "azurerm_role_assignment" "nodes" {
  scope                            = azurerm_user_assigned_identity.nodes.id
  role_definition_name             = "Managed Identity Operator"
  principal_id                     = azurerm_user_assigned_identity.cluster.principal_id
  principal_type                   = "ServicePrincipal"
  skip_service_principal_aad_check = true
}

# To encrypt disks that volumes ask for.
resource "azurerm_role_assignment" "disks" {
  count = var.own_keys == null ? 0 : 1

  scope                            = var.own_keys.disk_encryption_set_id
  role_definition_name             = "Reader"
  principal_id                     = azurerm_user_assigned_identity.cluster.principal_id
  principal_type                   = "ServicePrincipal"
  skip_service_principal_aad_check = true
}

resource "azurerm_kubernetes_cluster" "this" {
  #checkov:skip=CKV_AZURE_6: one of authorized addresses and a private API server is always there, says variable api_server
  #checkov:skip=CKV_AZURE_115: variable api_server says whether it is private
  #checkov:skip=CKV_AZURE_116: namespaces enforce the restricted Pod Security Standard, by what Kubernetes has itself
  #checkov:skip=CKV_AZURE_172: secrets come by external-secrets, since the charts read Secrets by name before any pod mounts them
  #checkov:skip=CKV_AZURE_226: the sizes of the default have no disk of their own for it
  #checkov:skip=CKV_AZURE_227: own_keys turns it on; the subscription needs a feature for it

  name                = "aks-${var.name}"
  location            = var.region
  resource_group_name = var.resource_group_name
  node_resource_group = "rg-${var.name}-nodes"
  dns_prefix          = var.name
  tags                = var.tags

  kubernetes_version        = var.kubernetes_version
  sku_tier                  = "Standard"
  cost_analysis_enabled     = true
  automatic_upgrade_channel = var.upgrades.channel
  node_os_upgrade_channel   = "NodeImage"

  oidc_issuer_enabled               = true
  workload_identity_enabled         = true
  role_based_access_control_enabled = true
  local_account_disabled            = true
  disk_encryption_set_id            = one(var.own_keys[*].disk_encryption_set_id)

  private_cluster_enabled = var.api_server.private
  # The way in for who is not in the network.
  run_command_enabled = var.api_server.private

  image_cleaner_enabled        = true
  image_cleaner_interval_hours = 168

  default_node_pool {
    name                         = "system"
    temporary_name_for_rotation  = "systemtmp"
    vm_size                      = var.system_pool.size
    os_sku                       = "Ubuntu"
    os_disk_size_gb              = 128
    max_pods                     = 110
    zones                        = var.zones
    vnet_subnet_id               = var.network.nodes_subnet_id
    only_critical_addons_enabled = true
    host_encryption_enabled      = var.own_keys != null
    # Node auto-provisioning and the cluster autoscaler exclude each other.
    auto_scaling_enabled = !local.auto
    node_count           = local.auto ? var.system_pool.min : null
    min_count            = local.auto ? null : var.system_pool.min
    max_count            = local.auto ? null : var.system_pool.max
    tags                 = var.tags

    upgrade_settings {
      max_surge                = "33%"
      drain_timeout_in_minutes = 30
    }
  }

  node_provisioning_profile {
    mode               = local.auto ? "Auto" : "Manual"
    default_node_pools = "None"
  }

  identity {
    type         = "UserAssigned"
    identity_ids = [azurerm_user_assigned_identity.cluster.id]
  }

  kubelet_identity {
    client_id                 = azurerm_user_assigned_identity.nodes.client_id
    object_id                 = azurerm_user_assigned_identity.nodes.principal_id
    user_assigned_identity_id = azurerm_user_assigned_identity.nodes.id
  }

  azure_active_directory_role_based_access_control {
    azure_rbac_enabled     = true
    admin_group_object_ids = var.administrators
  }

  api_server_access_profile {
    virtual_network_integration_enabled = true
    subnet_id                           = var.network.apiserver_subnet_id
    authorized_ip_ranges                = var.api_server.private ? null : var.api_server.authorized_cidrs
  }

  network_profile {
    network_plugin      = "azure"
    network_plugin_mode = "overlay"
    network_data_plane  = "cilium"
    network_policy      = "cilium"
    load_balancer_sku   = "standard"
    outbound_type       = var.network.outbound
    pod_cidr            = var.network.pod_cidr
    service_cidr        = var.network.service_cidr
    dns_service_ip      = cidrhost(var.network.service_cidr, 10)
  }

  storage_profile {
    blob_driver_enabled         = true
    disk_driver_enabled         = true
    file_driver_enabled         = true
    snapshot_controller_enabled = true
  }

  dynamic "auto_scaler_profile" {
    for_each = local.auto ? [] : [true]

    content {
      expander = var.prefer_spot ? "priority" : "least-waste"
      # Ray's autoscaler decides when a worker goes; its objects lie in an emptyDir until then.
      skip_nodes_with_local_storage = true
      skip_nodes_with_system_pods   = false
      balance_similar_node_groups   = false
      scale_down_delay_after_add    = "10m"
      scale_down_unneeded           = "5m"
      max_node_provisioning_time    = "15m"
    }
  }

  dynamic "monitor_metrics" {
    for_each = var.managed_prometheus ? [true] : []

    content {}
  }

  dynamic "oms_agent" {
    for_each = var.log_analytics[*]

    content {
      log_analytics_workspace_id      = oms_agent.value.workspace_id
      msi_auth_for_monitoring_enabled = true
    }
  }

  maintenance_window_auto_upgrade {
    frequency   = "Weekly"
    interval    = 1
    day_of_week = var.upgrades.day
    start_time  = var.upgrades.time
    duration    = var.upgrades.hours
    utc_offset  = "+00:00"
  }

  maintenance_window_node_os {
    frequency   = "Weekly"
    interval    = 1
    day_of_week = var.upgrades.day
    start_time  = var.upgrades.time
    duration    = var.upgrades.hours
    utc_offset  = "+00:00"
  }

  lifecycle {
    # The autoscaler's.
    ignore_changes = [default_node_pool[0].node_count]
  }

  depends_on = [
    azurerm_role_assignment.network,
    azurerm_role_assignment.nodes,
    azurerm_role_assignment.disks,
  ]
}

# To install charts; Entra decides, and nobody has a certificate instead.
resource "azurerm_role_assignment" "deployers" {
  for_each = var.deployers

  scope                = azurerm_kubernetes_cluster.this.id
  role_definition_name = "Azure Kubernetes Service RBAC Cluster Admin"
  principal_id         = each.value
}

resource "azurerm_monitor_diagnostic_setting" "control_plane" {
  count = var.log_analytics == null ? 0 : 1

  name                           = "control-plane"
  target_resource_id             = azurerm_kubernetes_cluster.this.id
  log_analytics_workspace_id     = var.log_analytics.workspace_id
  log_analytics_destination_type = "Dedicated"

  # Who changed what, who was let in, and why nodes came and went. Not kube-audit, which has each read too.
  dynamic "enabled_log" {
    for_each = ["kube-audit-admin", "guard", "cluster-autoscaler"]

    content {
      category = enabled_log.value
    }
  }
}
