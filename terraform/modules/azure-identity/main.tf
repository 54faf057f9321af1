/**
 * # azure-identity
 *
 * An identity that service accounts of a cluster take on (workload identity).
 */

resource "azurerm_user_assigned_identity" "this" {
  name                = "id-${var.name}"
  location            = var.region
  resource_group_name = var.resource_group_name
  tags                = var.tags
}

resource "azurerm_federated_identity_credential" "this" {
  for_each = var.service_accounts

  name                      = replace(each.key, "/", "_")
  user_assigned_identity_id = azurerm_user_assigned_identity.this.id
  issuer                    = var.issuer
  subject                   = "system:serviceaccount:${replace(each.key, "/", ":")}"
  audience                  = ["api://AzureADTokenExchange"]
}
