variable "name" {
  description = "Name of the role."
  type        = string

  validation {
    condition     = can(regex("^[A-Za-z0-9+=,.@_-]{1,64}$", var.name))
    error_message = "name \"${var.name}\" is no name of a role: at most 64 letters, digits and +=,.@_- are allowed."
  }
}

variable "description" {
  description = "What the role is for, as the account's owner reads it."
  type        = string
}

variable "cluster_name" {
  description = "The EKS cluster."
  type        = string
}

variable "service_accounts" {
  description = "Who may take the role on: service accounts by namespace and name."
  type        = set(object({ namespace = string, name = string }))

  validation {
    condition = alltrue([
      for account in var.service_accounts :
      can(regex("^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$", account.namespace)) && can(regex("^[a-z0-9]([-a-z0-9.]{0,251}[a-z0-9])?$", account.name))
    ])
    error_message = "service_accounts names what Kubernetes does not allow; namespaces and names have lower-case letters, digits and dashes."
  }
}

variable "policies" {
  description = "The role's own policies, name to JSON."
  type        = map(string)
  default     = {}
}

variable "managed_policies" {
  description = "Policies that are attached, name to ARN."
  type        = map(string)
  default     = {}
}
