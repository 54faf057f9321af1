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
  description = "A cluster: `principal_id` of its control plane, `issuer`."
  type        = object({ principal_id = string, issuer = string })
}

module "gateway" {
  source = "../.."

  name                 = "rayworks"
  dns_label            = "rayworks-0a1b2c"
  resource_group_name  = "rg-rayworks"
  region               = "westus3"
  cluster_principal_id = var.cluster.principal_id
  issuer               = var.cluster.issuer
}
