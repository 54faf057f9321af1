variable "name" {
  description = "Name of the deployment, part of the name of everything."
  type        = string
}

variable "dns_label" {
  description = "First part of the address in Azure's own domain, unique in the region."
  type        = string

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{1,61}[a-z0-9]$", var.dns_label))
    error_message = "dns_label \"${var.dns_label}\" is not 3 to 63 lower-case letters, digits and dashes within, beginning with a letter."
  }
}

variable "resource_group_name" {
  description = "Resource group of all of it."
  type        = string
}

variable "region" {
  description = "Azure region."
  type        = string
}

variable "tags" {
  description = "Tags of everything."
  type        = map(string)
  default     = {}
}

variable "zones" {
  description = "Availability zones of the address; empty where the region has none."
  type        = set(string)
  default     = []
}

variable "cluster_principal_id" {
  description = "Principal of the cluster's control plane, which puts the address on its load balancer."
  type        = string
}

variable "issuer" {
  description = "OIDC issuer of the cluster."
  type        = string
}

variable "dns_zone_id" {
  description = "Zone of Azure DNS in which every service has a name of its own. Null means that all share the address in Azure's domain, by path."
  type        = string
  default     = null

  validation {
    condition     = var.dns_zone_id == null ? true : can(regex("/providers/Microsoft.Network/dnsZones/[^/]+$", var.dns_zone_id))
    error_message = "dns_zone_id \"${coalesce(var.dns_zone_id, "null")}\" is not the id of a zone: az network dns zone show --name NAME --resource-group GROUP --query id."
  }
}
