# The subscription is ARM_SUBSCRIPTION_ID's, or the one that `az account show` names.
provider "azurerm" {
  # Containers and blobs without account keys, which are off.
  storage_use_azuread = true

  # azurerm 5 registers none by itself, and a new subscription has few.
  resource_providers_to_register = [
    "Microsoft.AlertsManagement",
    "Microsoft.Cache",
    "Microsoft.Compute",
    "Microsoft.ContainerRegistry",
    "Microsoft.ContainerService",
    "Microsoft.Dashboard",
    "Microsoft.Insights",
    "Microsoft.KeyVault",
    "Microsoft.ManagedIdentity",
    "Microsoft.Monitor",
    "Microsoft.Network",
    "Microsoft.OperationalInsights",
    "Microsoft.OperationsManagement",
    "Microsoft.Storage",
  ]

  features {
    # What Azure itself puts into the groups, such as Grafana's and AKS's own alert rules, would otherwise stop a destroy.
    resource_group {
      prevent_deletion_if_contains_resources = false
    }

    # A deleted vault keeps its name for a week; the next deployment of the same name takes it back.
    key_vault {
      purge_soft_delete_on_destroy    = false
      recover_soft_deleted_key_vaults = true
    }

    log_analytics_workspace {
      permanently_delete_on_destroy = true
    }
  }
}
