variable "name" {
  description = "Name of the identity, `id-<name>`."
  type        = string
}

variable "resource_group_name" {
  description = "Resource group of the identity."
  type        = string
}

variable "region" {
  description = "Azure region."
  type        = string
}

variable "tags" {
  description = "Tags of the identity."
  type        = map(string)
  default     = {}
}

variable "issuer" {
  description = "OIDC issuer of the cluster."
  type        = string
}

variable "service_accounts" {
  description = "Service accounts that take this identity on, as `namespace/account`; at most 20, Azure's limit."
  type        = set(string)

  validation {
    condition     = alltrue([for pair in var.service_accounts : can(regex("^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?/[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$", pair))])
    error_message = "Not of the form namespace/account: ${join(", ", [for pair in var.service_accounts : pair if !can(regex("^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?/[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$", pair))])}. Write ray/ray, for example."
  }

  validation {
    condition     = length(var.service_accounts) >= 1 && length(var.service_accounts) <= 20
    error_message = "An identity has 1 to 20 federated credentials, and ${length(var.service_accounts)} service accounts are named: give some of them an identity of their own (teams)."
  }
}
