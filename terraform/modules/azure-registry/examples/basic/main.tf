provider "azurerm" {
  features {}
}

module "registry" {
  source = "../.."

  name                = "crrayworks0a1b2c"
  resource_group_name = "rg-rayworks"
  region              = "westus3"
  sku                 = "Premium"
  private             = true
}
