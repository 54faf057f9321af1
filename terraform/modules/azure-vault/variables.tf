variable "name" {
  description = "Name of the vault, unique in all of Azure, also among deleted ones."
  type        = string

  validation {
    condition     = can(regex("^[a-zA-Z](-?[a-zA-Z0-9])+$", var.name)) && length(var.name) >= 3 && length(var.name) <= 24
    error_message = "name \"${var.name}\" is not 3 to 24 letters, digits and single dashes, beginning with a letter, as names of vaults are."
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

variable "tenant_id" {
  description = "Entra tenant that the vault trusts."
  type        = string
}

variable "authorized_cidrs" {
  description = "Addresses that may reach the vault from the internet; empty means private endpoints only."
  type        = set(string)
  default     = []
}

variable "readers" {
  description = "Principals, by a name, that read secrets: external-secrets."
  type        = map(string)
  default     = {}
}

variable "writers" {
  description = "Principals, by a name, that write secrets and make keys: the user or pipeline that runs Terraform."
  type        = map(string)
  default     = {}
}

variable "keys" {
  description = "Keys of one's own to make, by what they encrypt, with an identity that may use them."
  type        = set(string)
  default     = []
}
