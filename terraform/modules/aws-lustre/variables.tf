variable "name" {
  description = "Beginning of all names."
  type        = string
}

variable "vpc_id" {
  description = "The VPC."
  type        = string
}

variable "subnet_id" {
  description = "Subnet of the file system. It lies in one zone; nodes of other zones reach it, at the price of traffic between zones."
  type        = string
}

variable "client_security_group_id" {
  description = "Security group of the nodes."
  type        = string
}

variable "data_repository" {
  description = "Bucket, or a prefix of it, that the file system is linked to."
  type        = string

  validation {
    condition     = can(regex("^s3://[a-z0-9][a-z0-9.-]{1,61}[a-z0-9](/.*)?$", var.data_repository))
    error_message = "data_repository is \"${var.data_repository}\"; write s3://bucket or s3://bucket/prefix."
  }
}

variable "deployment_type" {
  description = "`PERSISTENT_2` keeps two copies of everything. `SCRATCH_2` loses what has not reached the bucket when a server fails, and is cheaper."
  type        = string
  default     = "PERSISTENT_2"

  validation {
    condition     = contains(["PERSISTENT_2", "SCRATCH_2"], var.deployment_type)
    error_message = "deployment_type is \"${var.deployment_type}\"; choose PERSISTENT_2 or SCRATCH_2."
  }
}

variable "capacity_gib" {
  description = "Size."
  type        = number
  default     = 1200

  validation {
    condition     = var.capacity_gib == 1200 || (var.capacity_gib >= 2400 && var.capacity_gib % 2400 == 0)
    error_message = "capacity_gib is ${var.capacity_gib}; FSx offers 1200, or a multiple of 2400."
  }
}

variable "throughput" {
  description = "MB/s for each TiB, of PERSISTENT_2; SCRATCH_2 has 200."
  type        = number
  default     = 125

  validation {
    condition     = contains([125, 250, 500, 1000], var.throughput)
    error_message = "throughput is ${var.throughput}; FSx offers 125, 250, 500 and 1000 MB/s for each TiB."
  }
}

variable "compression" {
  description = "`LZ4`, or `NONE` for data that is compressed already."
  type        = string
  default     = "LZ4"

  validation {
    condition     = contains(["LZ4", "NONE"], var.compression)
    error_message = "compression is \"${var.compression}\"; choose LZ4 or NONE."
  }
}

variable "maintenance" {
  description = "When AWS may patch it, each week: day (1 is Monday) and time in UTC, as d:HH:MM."
  type        = string
  default     = "7:03:00"

  validation {
    condition     = can(regex("^[1-7]:([01][0-9]|2[0-3]):[0-5][0-9]$", var.maintenance))
    error_message = "maintenance is \"${var.maintenance}\"; write d:HH:MM, such as 7:03:00 for Sunday at three."
  }
}

variable "own_key" {
  description = "`arn` of the key of a PERSISTENT_2 file system and of its log; null means AWS' own."
  type        = object({ arn = string })
  default     = null
}

variable "log_days" {
  description = "Days for which failed imports and exports are kept in CloudWatch."
  type        = number
  default     = 30
}
