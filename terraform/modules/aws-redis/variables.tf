variable "name" {
  description = "Name of the cluster."
  type        = string

  validation {
    condition     = can(regex("^[a-z]([a-z0-9]|-[a-z0-9])*$", var.name)) && length(var.name) <= 36
    error_message = "name \"${var.name}\" is no name for MemoryDB: at most 36 lower-case letters, digits and single dashes, beginning with a letter."
  }
}

variable "vpc_id" {
  description = "The VPC."
  type        = string
}

variable "subnet_ids" {
  description = "Private subnets, in two zones at least where there are replicas."
  type        = list(string)
}

variable "client_security_group_id" {
  description = "Security group of the nodes."
  type        = string
}

variable "node_type" {
  description = "Machine. The state of hundreds of Ray clusters takes some megabytes each."
  type        = string
  default     = "db.t4g.small"

  validation {
    condition     = can(regex("^db\\.[a-z0-9]+\\.[a-z0-9]+$", var.node_type))
    error_message = "node_type is \"${var.node_type}\"; MemoryDB's begin with db., such as db.t4g.small."
  }
}

variable "engine_version" {
  description = "Version of Redis."
  type        = string
  default     = "7.1"

  validation {
    condition     = contains(["6.2", "7.0", "7.1"], var.engine_version)
    error_message = "engine_version is \"${var.engine_version}\"; MemoryDB offers 6.2, 7.0 and 7.1."
  }
}

variable "replicas" {
  description = "Copies in other zones, one of which takes over."
  type        = number
  default     = 1

  validation {
    condition     = var.replicas >= 0 && var.replicas <= 5
    error_message = "replicas is ${var.replicas}; MemoryDB offers 0 to 5."
  }
}

variable "snapshot_days" {
  description = "Days for which daily snapshots are kept; 0 makes none."
  type        = number
  default     = 0

  validation {
    condition     = var.snapshot_days >= 0 && var.snapshot_days <= 35
    error_message = "snapshot_days is ${var.snapshot_days}; MemoryDB offers 0 to 35."
  }
}

variable "own_key" {
  description = "`arn` of the key of cluster and secret; null means AWS' own."
  type        = object({ arn = string })
  default     = null
}
