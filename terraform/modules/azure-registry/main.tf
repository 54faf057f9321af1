/**
 * # azure-registry
 *
 * A container registry, who pulls from it and who pushes to it.
 */

resource "azurerm_container_registry" "this" {
  #checkov:skip=CKV_AZURE_139: variable private closes it; then images are built within the network
  #checkov:skip=CKV_AZURE_163: Defender for Containers scans, and is turned on for a subscription
  #checkov:skip=CKV_AZURE_164: azurerm 5 knows no trust policy any more, which Azure retires
  #checkov:skip=CKV_AZURE_165: the cluster is in one region, and so are its images
  #checkov:skip=CKV_AZURE_166: a quarantine holds images until a scanner lets them go, and there is none here
  #checkov:skip=CKV_AZURE_237: data endpoints need sku Premium; variable private turns them on
  #checkov:skip=CKV_AZURE_233: only some regions have zones, and it cannot be changed later

  name                = var.name
  resource_group_name = var.resource_group_name
  location            = var.region
  tags                = var.tags

  sku                           = var.sku
  admin_enabled                 = false
  anonymous_pull_enabled        = false
  public_network_access_enabled = !var.private
  data_endpoint_enabled         = var.private
  retention_policy_in_days      = var.sku == "Premium" ? 30 : null

  dynamic "identity" {
    for_each = var.own_key == null ? [] : [var.own_key]

    content {
      type         = "UserAssigned"
      identity_ids = [identity.value.identity_id]
    }
  }

  dynamic "encryption" {
    for_each = var.own_key == null ? [] : [var.own_key]

    content {
      key_vault_key_id   = encryption.value.key_id
      identity_client_id = encryption.value.client_id
    }
  }
}

resource "azurerm_role_assignment" "pull" {
  for_each = var.pullers

  scope                            = azurerm_container_registry.this.id
  role_definition_name             = "AcrPull"
  principal_id                     = each.value
  principal_type                   = "ServicePrincipal"
  skip_service_principal_aad_check = true
}

resource "azurerm_role_assignment" "push" {
  for_each = var.pushers

  scope                = azurerm_container_registry.this.id
  role_definition_name = "AcrPush"
  principal_id         = each.value
}
