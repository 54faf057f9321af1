terraform {
  required_version = ">= 1.9"

  required_providers {
    azurerm = {
      source  = "hashicorp/azurerm"
      version = ">= 5.0, < 6.0"
    }
  }
}

provider "azurerm" {
  features {}
}

resource "azurerm_resource_group" "this" {
  name     = "rg-rayworks"
  location = "westus3"
}

module "network" {
  source = "../../../azure-network"

  name                = "rayworks"
  resource_group_name = azurerm_resource_group.this.name
  region              = azurerm_resource_group.this.location
}

module "storage" {
  source = "../../../azure-storage"

  account             = "strayworks0a1b2c"
  resource_group_name = azurerm_resource_group.this.name
  region              = azurerm_resource_group.this.location
  containers          = ["ray"]
}

module "private_endpoints" {
  source = "../.."

  name                = "rayworks"
  resource_group_name = azurerm_resource_group.this.name
  region              = azurerm_resource_group.this.location
  virtual_network_id  = module.network.virtual_network_id
  subnet_id           = module.network.endpoints_subnet_id
  endpoints = {
    blob = { resource_id = module.storage.account_id, subresource = "blob", zone = "privatelink.blob.core.windows.net" }
    dfs  = { resource_id = module.storage.account_id, subresource = "dfs", zone = "privatelink.dfs.core.windows.net" }
  }
}
