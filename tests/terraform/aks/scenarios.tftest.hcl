# What the tests in Python look at: three plans, and what outputs say of something made. No cloud is asked.
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

# The provider reads ids even of what a mock has made, so these have the form of real ones.
mock_provider "azurerm" {
  alias = "made"

  mock_data "azurerm_client_config" {
    defaults = {
      subscription_id = "00000000-0000-0000-0000-000000000000"
      tenant_id       = "11111111-1111-1111-1111-111111111111"
      client_id       = "22222222-2222-2222-2222-222222222222"
      object_id       = "33333333-3333-3333-3333-333333333333"
    }
  }

  mock_resource "azurerm_resource_group" {
    defaults = { id = "/subscriptions/00000000-0000-0000-0000-000000000000/resourceGroups/rg-rayworks" }
  }

  mock_resource "azurerm_virtual_network" {
    defaults = { id = "/subscriptions/00000000-0000-0000-0000-000000000000/resourceGroups/rg-rayworks/providers/Microsoft.Network/virtualNetworks/vnet-rayworks" }
  }

  mock_resource "azurerm_subnet" {
    defaults = { id = "/subscriptions/00000000-0000-0000-0000-000000000000/resourceGroups/rg-rayworks/providers/Microsoft.Network/virtualNetworks/vnet-rayworks/subnets/nodes" }
  }

  mock_resource "azurerm_network_security_group" {
    defaults = { id = "/subscriptions/00000000-0000-0000-0000-000000000000/resourceGroups/rg-rayworks/providers/Microsoft.Network/networkSecurityGroups/nsg" }
  }

  mock_resource "azurerm_public_ip" {
    defaults = {
      id         = "/subscriptions/00000000-0000-0000-0000-000000000000/resourceGroups/rg-rayworks/providers/Microsoft.Network/publicIPAddresses/pip"
      fqdn       = "rayworks-0a1b2c.westus3.cloudapp.azure.com"
      ip_address = "198.18.0.9"
    }
  }

  mock_resource "azurerm_nat_gateway" {
    defaults = { id = "/subscriptions/00000000-0000-0000-0000-000000000000/resourceGroups/rg-rayworks/providers/Microsoft.Network/natGateways/ng" }
  }

  mock_resource "azurerm_private_dns_zone" {
    defaults = { id = "/subscriptions/00000000-0000-0000-0000-000000000000/resourceGroups/rg-rayworks/providers/Microsoft.Network/privateDnsZones/privatelink.blob.core.windows.net" }
  }

  mock_resource "azurerm_user_assigned_identity" {
    defaults = {
      id           = "/subscriptions/00000000-0000-0000-0000-000000000000/resourceGroups/rg-rayworks/providers/Microsoft.ManagedIdentity/userAssignedIdentities/id"
      client_id    = "11111111-2222-3333-4444-555555555555"
      principal_id = "55555555-5555-5555-5555-555555555555"
    }
  }

  mock_resource "azurerm_kubernetes_cluster" {
    defaults = {
      id              = "/subscriptions/00000000-0000-0000-0000-000000000000/resourceGroups/rg-rayworks/providers/Microsoft.ContainerService/managedClusters/aks-rayworks"
      oidc_issuer_url = "https://westus3.oic.prod-aks.azure.com/11111111-1111-1111-1111-111111111111/66666666-6666-6666-6666-666666666666/"
    }
  }

  mock_resource "azurerm_storage_account" {
    defaults = { id = "/subscriptions/00000000-0000-0000-0000-000000000000/resourceGroups/rg-rayworks-data/providers/Microsoft.Storage/storageAccounts/strayworks0a1b2c" }
  }

  mock_resource "azurerm_storage_container" {
    defaults = { id = "/subscriptions/00000000-0000-0000-0000-000000000000/resourceGroups/rg-rayworks-data/providers/Microsoft.Storage/storageAccounts/strayworks0a1b2c/blobServices/default/containers/ray" }
  }

  mock_resource "azurerm_container_registry" {
    defaults = {
      id           = "/subscriptions/00000000-0000-0000-0000-000000000000/resourceGroups/rg-rayworks/providers/Microsoft.ContainerRegistry/registries/crrayworks0a1b2c"
      login_server = "crrayworks0a1b2c.azurecr.io"
    }
  }

  mock_resource "azurerm_key_vault" {
    defaults = {
      id        = "/subscriptions/00000000-0000-0000-0000-000000000000/resourceGroups/rg-rayworks-data/providers/Microsoft.KeyVault/vaults/kvrayworks0a1b2c"
      vault_uri = "https://kvrayworks0a1b2c.vault.azure.net/"
    }
  }

  mock_resource "azurerm_key_vault_key" {
    defaults = {
      id             = "https://kvrayworks0a1b2c.vault.azure.net/keys/key/0123456789abcdef0123456789abcdef"
      versionless_id = "https://kvrayworks0a1b2c.vault.azure.net/keys/key"
    }
  }

  mock_resource "azurerm_disk_encryption_set" {
    defaults = { id = "/subscriptions/00000000-0000-0000-0000-000000000000/resourceGroups/rg-rayworks-data/providers/Microsoft.Compute/diskEncryptionSets/des" }
  }

  mock_resource "azurerm_log_analytics_workspace" {
    defaults = { id = "/subscriptions/00000000-0000-0000-0000-000000000000/resourceGroups/rg-rayworks/providers/Microsoft.OperationalInsights/workspaces/log-rayworks" }
  }

  mock_resource "azurerm_monitor_workspace" {
    defaults = {
      id             = "/subscriptions/00000000-0000-0000-0000-000000000000/resourceGroups/rg-rayworks/providers/Microsoft.Monitor/accounts/amw-rayworks"
      query_endpoint = "https://amw-rayworks-abcd.westus3.prometheus.monitor.azure.com"
    }
  }

  mock_resource "azurerm_monitor_data_collection_endpoint" {
    defaults = { id = "/subscriptions/00000000-0000-0000-0000-000000000000/resourceGroups/rg-rayworks/providers/Microsoft.Insights/dataCollectionEndpoints/dce" }
  }

  mock_resource "azurerm_monitor_data_collection_rule" {
    defaults = { id = "/subscriptions/00000000-0000-0000-0000-000000000000/resourceGroups/rg-rayworks/providers/Microsoft.Insights/dataCollectionRules/dcr" }
  }

  mock_resource "azurerm_dashboard_grafana" {
    defaults = {
      id       = "/subscriptions/00000000-0000-0000-0000-000000000000/resourceGroups/rg-rayworks/providers/Microsoft.Dashboard/grafana/amg-rayworks-0a1b2c"
      endpoint = "https://amg-rayworks-0a1b2c-abcd.wus3.grafana.azure.com"
      identity = { principal_id = "99999999-9999-9999-9999-999999999999" }
    }
  }

  mock_resource "azurerm_managed_redis" {
    defaults = {
      id               = "/subscriptions/00000000-0000-0000-0000-000000000000/resourceGroups/rg-rayworks/providers/Microsoft.Cache/redisEnterprise/redis-rayworks"
      hostname         = "redis-rayworks-0a1b2c.westus3.redis.azure.net"
      default_database = { port = 10000 }
    }
  }
}

variables {
  authorized_cidrs = ["198.18.0.7/32"]
}

run "defaults" {
  command = plan
}

run "auto" {
  command = plan

  variables {
    node_provisioning = "auto"
  }
}

run "everything" {
  command = plan

  variables {
    private_cluster = true
    administrators  = ["44444444-4444-4444-4444-444444444444"]
    own_keys        = true
    spot            = true
    gpu_sharing     = 2
    network         = { outbound = "userAssignedNATGateway" }
    registry        = { sku = "Premium", private = true }
    storage         = { tier = "Premium", replication = "LRS", public_cidrs = ["198.18.0.0/24"] }
    redis           = {}
    gateway         = { email = "platform@example.org", dns_zone_id = "/subscriptions/00000000-0000-0000-0000-000000000000/resourceGroups/dns/providers/Microsoft.Network/dnsZones/ml.example.org" }
    add_ons         = { cert_manager = true }
    gpu_pools = {
      gpu  = { size = "Standard_NC24ads_A100_v4", max = 3 }
      h100 = { size = "Standard_ND96isr_H100_v5", max = 2 }
    }
    monitoring = { viewers = ["44444444-4444-4444-4444-444444444444"] }
    teams = {
      red = {
        members   = "44444444-4444-4444-4444-444444444444"
        node_pool = { size = "Standard_NC40ads_H100_v5", max = 2, spot = true }
      }
    }
  }
}

run "made" {
  command = apply

  providers = {
    azurerm = azurerm.made
  }
}

run "made_with_everything" {
  command = apply

  providers = {
    azurerm = azurerm.made
  }

  variables {
    own_keys  = true
    spot      = true
    registry  = { sku = "Premium" }
    redis     = {}
    gateway   = { email = "platform@example.org" }
    gpu_pools = {}
    teams = {
      red = {
        members   = "44444444-4444-4444-4444-444444444444"
        node_pool = { size = "Standard_NC40ads_H100_v5", max = 2, spot = true }
      }
    }
  }
}
