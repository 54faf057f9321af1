provider "azurerm" {
  features {}
}

module "redis" {
  source = "../.."

  name                = "redis-rayworks-0a1b2c"
  resource_group_name = "rg-rayworks"
  region              = "westus3"
}
