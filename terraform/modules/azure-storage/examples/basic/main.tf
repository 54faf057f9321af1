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
  name     = "rg-rayworks-data"
  location = "westus3"
}

module "identity" {
  source = "../../../azure-identity"

  name                = "rayworks"
  resource_group_name = azurerm_resource_group.this.name
  region              = azurerm_resource_group.this.location
  issuer              = "https://westus3.oic.prod-aks.azure.com/00000000-0000-0000-0000-000000000000/11111111-1111-1111-1111-111111111111/"
  service_accounts    = ["ray/ray"]
}

module "storage" {
  source = "../.."

  account             = "strayworks0a1b2c"
  resource_group_name = azurerm_resource_group.this.name
  region              = azurerm_resource_group.this.location
  containers          = ["ray"]
  writers             = { ray = { principal_id = module.identity.principal_id, container = "ray" } }
}
