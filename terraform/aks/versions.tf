terraform {
  required_version = ">= 1.9"

  required_providers {
    azurerm = {
      source = "hashicorp/azurerm"
      # Its modules take >= 4.65 but for private endpoints, whose DNS links azurerm 4 writes otherwise.
      version = ">= 5.0, < 6.0"
    }
  }
}
