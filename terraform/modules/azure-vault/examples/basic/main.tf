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

data "azurerm_client_config" "current" {}

module "vault" {
  source = "../.."

  name                = "kvrayworks0a1b2c"
  resource_group_name = "rg-rayworks"
  region              = "westus3"
  tenant_id           = data.azurerm_client_config.current.tenant_id
  authorized_cidrs    = ["203.0.113.7/32"]
  writers             = { me = data.azurerm_client_config.current.object_id }
  keys                = ["disks", "storage"]
}
