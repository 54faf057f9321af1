variable "name" {
  description = "Beginning of all names; also what Karpenter finds its subnets by."
  type        = string
}

variable "region" {
  description = "Region, for the names of the endpoints."
  type        = string
}

variable "cidr" {
  description = "Addresses of the VPC, /16 to /20. A quarter goes to each of up to three private subnets, the rest to the public ones."
  type        = string
  default     = "10.0.0.0/16"

  validation {
    condition     = can(cidrhost(var.cidr, 0)) && try(cidrhost(var.cidr, 0) == split("/", var.cidr)[0], false)
    error_message = "cidr ${var.cidr} is no IPv4 network; write its first address and its length, such as 10.0.0.0/16."
  }

  validation {
    condition     = try(tonumber(split("/", var.cidr)[1]) >= 16 && tonumber(split("/", var.cidr)[1]) <= 20, false)
    error_message = "cidr ${var.cidr} is too large for a VPC or too small for pods that have an address each; choose a length from /16 to /20."
  }
}

variable "zones" {
  description = "Availability zones, two or three: EKS wants two at least."
  type        = list(string)

  validation {
    condition     = length(var.zones) >= 2 && length(var.zones) <= 3 && length(distinct(var.zones)) == length(var.zones)
    error_message = "zones names ${length(var.zones)} zones; name two or three different ones, such as [\"us-west-2a\", \"us-west-2b\", \"us-west-2c\"]."
  }
}

variable "nat" {
  description = "NAT gateways: `one` (cheapest; its zone's end cuts the others off), one in each `zone`, or `none` (only what the endpoints reach)."
  type        = string
  default     = "one"

  validation {
    condition     = contains(["one", "zone", "none"], var.nat)
    error_message = "nat is \"${var.nat}\"; choose one, zone or none."
  }
}

variable "endpoints" {
  description = "Services that are reached inside the VPC by an interface endpoint, beside S3, which costs nothing."
  type        = set(string)
  default     = ["ecr.api", "ecr.dkr", "sts"]
}

variable "flow_log_days" {
  description = "Days for which refused connections are kept in CloudWatch; 0 turns the log off."
  type        = number
  default     = 30

  validation {
    condition     = contains([0, 1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731], var.flow_log_days)
    error_message = "flow_log_days is ${var.flow_log_days}, which CloudWatch does not offer; choose 0, 1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545 or 731."
  }
}

variable "own_key" {
  description = "`arn` of the key of the log; null means CloudWatch's own."
  type        = object({ arn = string })
  default     = null
}
