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

variable "cluster" {
  description = "A cluster: `id` and `name`."
  type        = object({ id = string, name = string })
}

resource "azurerm_resource_group" "this" {
  name     = "rg-rayworks"
  location = "westus3"
}

module "monitoring" {
  source = "../.."

  name                = "rayworks"
  suffix              = "0a1b2c"
  resource_group_name = azurerm_resource_group.this.name
  resource_group_id   = azurerm_resource_group.this.id
  region              = azurerm_resource_group.this.location
  cluster             = var.cluster
}
