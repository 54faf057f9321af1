variable "name" {
  description = "Beginning of all names."
  type        = string

  validation {
    condition     = can(regex("^[a-z0-9][a-z0-9-]{0,44}$", var.name))
    error_message = "name \"${var.name}\" makes no bucket's name: at most 45 lower-case letters, digits and dashes, and a letter or digit first."
  }
}

variable "own_key" {
  description = "`arn` of the key of bucket and file system; null means AWS' own for S3 and EFS."
  type        = object({ arn = string })
  default     = null
}

variable "delete_data" {
  description = "Let a destruction delete the bucket with all that is in it, every version. Otherwise a bucket that is not empty stays, and the destruction says so."
  type        = bool
  default     = false
}

variable "old_version_days" {
  description = "Days for which overwritten and deleted objects can be brought back."
  type        = number
  default     = 30

  validation {
    condition     = var.old_version_days >= 1 && floor(var.old_version_days) == var.old_version_days
    error_message = "old_version_days is ${var.old_version_days}; give whole days, 1 or more."
  }
}

variable "efs" {
  description = "Where EFS can be mounted: a mount target in each of `subnets` (zone to id), open to `client_security_group_id`; null makes none."
  type = object({
    vpc_id                   = string
    subnets                  = map(string)
    client_security_group_id = string
  })
  default = null
}
