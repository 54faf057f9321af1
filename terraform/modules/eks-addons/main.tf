/**
 * # eks-addons
 *
 * Add-ons that EKS keeps running. Versions are EKS' default for the cluster's Kubernetes where none is named.
 */

resource "aws_eks_addon" "this" {
  for_each = var.addons

  cluster_name                = var.cluster_name
  addon_name                  = each.key
  addon_version               = each.value.version
  configuration_values        = each.value.configuration
  resolve_conflicts_on_create = "OVERWRITE"
  resolve_conflicts_on_update = "OVERWRITE"
}
