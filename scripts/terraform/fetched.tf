# Providers that the checks take from the registry, since no Go module of theirs is served: pinned
# here. azurerm is built, from the version in scripts/tools/terraform-provider-azurerm/go.mod.
terraform {
  required_providers {
    aws = {
      source  = "hashicorp/aws"
      version = "5.100.0"
    }
  }
}
