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

module "identity" {
  source = "../.."

  name                = "rayworks-ray"
  resource_group_name = "rg-rayworks"
  region              = "westus3"
  issuer              = "https://westus3.oic.prod-aks.azure.com/00000000-0000-0000-0000-000000000000/11111111-1111-1111-1111-111111111111/"
  service_accounts    = ["ray/ray", "fashion-mnist/ray"]
}
