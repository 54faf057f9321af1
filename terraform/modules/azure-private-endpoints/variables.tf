variable "name" {
  description = "Name of the deployment, part of the name of everything."
  type        = string
}

variable "resource_group_name" {
  description = "Resource group of the endpoints and their DNS zones."
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

variable "virtual_network_id" {
  description = "Network in which the names of the endpoints are resolved."
  type        = string
}

variable "subnet_id" {
  description = "Subnet of the endpoints."
  type        = string
}

variable "endpoints" {
  description = "Endpoints by name: `resource_id`, whose endpoint it is; `subresource`, which of its services; `zone`, the private DNS zone of its names."
  type = map(object({
    resource_id = string
    subresource = string
    zone        = string
  }))

  validation {
    condition     = alltrue([for one in values(var.endpoints) : startswith(one.zone, "privatelink.")])
    error_message = "A zone of endpoints does not begin with \"privatelink.\": ${join(", ", [for one in values(var.endpoints) : one.zone if !startswith(one.zone, "privatelink.")])}. Azure's names lead only to such zones."
  }
}
