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
  source = "../.."

  name                = "rayworks"
  resource_group_name = azurerm_resource_group.this.name
  region              = azurerm_resource_group.this.location
  outbound            = "userAssignedNATGateway"
}
