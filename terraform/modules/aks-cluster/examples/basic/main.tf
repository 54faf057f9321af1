terraform {
  required_version = ">= 1.9"

  required_providers {
    azurerm = {
      source  = "hashicorp/azurerm"
      version = ">= 4.65, < 6.0"
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

module "cluster" {
  source = "../.."

  name                = "rayworks"
  resource_group_name = azurerm_resource_group.this.name
  region              = azurerm_resource_group.this.location
  api_server          = { authorized_cidrs = ["203.0.113.7/32"] }
  network = {
    virtual_network_id  = module.network.virtual_network_id
    nodes_subnet_id     = module.network.nodes_subnet_id
    apiserver_subnet_id = module.network.apiserver_subnet_id
  }
}
