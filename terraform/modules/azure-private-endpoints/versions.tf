terraform {
  required_version = ">= 1.9"

  required_providers {
    azurerm = {
      source = "hashicorp/azurerm"
      # azurerm 4 names the zone of a DNS link by another argument, and neither version knows the other's.
      version = ">= 5.0, < 6.0"
    }
  }
}
