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

variable "cluster_id" {
  description = "Id of a cluster."
  type        = string
}

variable "subnet_id" {
  description = "Id of its nodes' subnet."
  type        = string
}

module "node_pools" {
  source = "../.."

  cluster_id = var.cluster_id
  subnet_id  = var.subnet_id
  pools = {
    cpu   = { size = "Standard_D16s_v5", min = 1, max = 10, zones = ["1", "2", "3"], spot = true }
    gpu   = { size = "Standard_NC24ads_A100_v4", max = 3 }
    parts = { size = "Standard_NC40ads_H100_v5", max = 1, mig = "MIG1g" }
  }
}
