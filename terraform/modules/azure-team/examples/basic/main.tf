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
  description = "A cluster: `id`, `issuer`, `nodes_subnet_id`."
  type        = object({ id = string, issuer = string, nodes_subnet_id = string })
}

variable "storage_account_id" {
  description = "Id of a storage account."
  type        = string
}

module "red" {
  source = "../.."

  team                = "red"
  name                = "rayworks"
  resource_group_name = "rg-rayworks"
  region              = "westus3"
  cluster             = var.cluster
  storage_account_id  = var.storage_account_id
  members             = "22222222-3333-4444-5555-666666666666"
  node_pool           = { size = "Standard_NC24ads_A100_v4", max = 2 }
}
