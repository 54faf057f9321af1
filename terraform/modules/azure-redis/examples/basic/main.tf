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

module "redis" {
  source = "../.."

  name                = "redis-rayworks-0a1b2c"
  resource_group_name = "rg-rayworks"
  region              = "westus3"
}
