# Who takes the identity on.
mock_provider "azurerm" {}

variables {
  name                = "rayworks-ray"
  resource_group_name = "rg-rayworks"
  region              = "westus3"
  issuer              = "https://westus3.oic.prod-aks.azure.com/00000000-0000-0000-0000-000000000000/11111111-1111-1111-1111-111111111111/"
  service_accounts    = ["ray/ray", "red/trainer"]
}

run "pairs" {
  command = plan

  assert {
    condition     = azurerm_federated_identity_credential.this["red/trainer"].subject == "system:serviceaccount:red:trainer" && azurerm_federated_identity_credential.this["red/trainer"].audience == tolist(["api://AzureADTokenExchange"])
    error_message = "Entra trusts the account of the namespace."
  }
}

run "no_namespace" {
  command = plan

  variables {
    service_accounts = ["ray"]
  }

  expect_failures = [var.service_accounts]
}

run "too_many" {
  command = plan

  variables {
    service_accounts = [for number in range(21) : "team${number}/ray"]
  }

  expect_failures = [var.service_accounts]
}
