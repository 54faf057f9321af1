variable "name" {
  description = "Beginning of all names."
  type        = string
}

variable "cluster_name" {
  description = "The EKS cluster."
  type        = string
}

variable "zones" {
  description = "Availability zones in which the load balancer has an address."
  type        = set(string)
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
