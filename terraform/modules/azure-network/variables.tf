variable "name" {
  description = "Name of the deployment, part of the name of everything."
  type        = string
}

variable "resource_group_name" {
  description = "Resource group of the network."
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

variable "address_space" {
  description = "Addresses of the network. A sixteenth each goes to the nodes (the first three), to private endpoints and to the API server."
  type        = string
  default     = "10.20.0.0/16"

  validation {
    condition     = can(cidrhost(var.address_space, 0)) && can(regex("/(1[0-9]|20)$", var.address_space))
    error_message = "address_space \"${var.address_space}\" is not an IPv4 network of /10 to /20, which the nodes need: write 10.20.0.0/16, for example."
  }
}

variable "outbound" {
  description = "How nodes reach the internet: `loadBalancer`, the cluster's own; `userAssignedNATGateway`, one gateway with one address and many more ports."
  type        = string
  default     = "loadBalancer"

  validation {
    condition     = contains(["loadBalancer", "userAssignedNATGateway"], var.outbound)
    error_message = "outbound \"${var.outbound}\" is not known: choose loadBalancer or userAssignedNATGateway."
  }
}
