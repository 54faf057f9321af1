variable "name" {
  description = "Name of the user pool."
  type        = string
}

variable "cluster_name" {
  description = "The EKS cluster."
  type        = string
}

variable "domain" {
  description = "Domain under which each service has a name."
  type        = string

  validation {
    condition     = can(regex("^([a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?\\.)+[a-z]{2,}$", var.domain))
    error_message = "domain is \"${var.domain}\"; write a domain in lower case, such as ray.example.com."
  }
}

variable "zone_id" {
  description = "Route 53's public zone that the domain is in."
  type        = string

  validation {
    condition     = can(regex("^Z[A-Z0-9]{8,31}$", var.zone_id))
    error_message = "zone_id is \"${var.zone_id}\"; it begins with Z: aws route53 list-hosted-zones-by-name --dns-name DOMAIN."
  }
}

variable "hosts" {
  description = "Names under the domain that users may be sent back to after their login: one for each service that is shown."
  type        = set(string)

  validation {
    condition     = length(var.hosts) > 0 && length(var.hosts) <= 100 && alltrue([for host in var.hosts : can(regex("^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$", host))])
    error_message = "hosts names ${length(var.hosts)} hosts; Cognito wants 1 to 100, each of lower-case letters, digits and dashes, such as mnist-service."
  }
}
