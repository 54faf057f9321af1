variable "name" {
  description = "Alias of the key."
  type        = string
}

variable "region" {
  description = "Region, for the name of CloudWatch's principal."
  type        = string
}

variable "deletion_window_days" {
  description = "Days between the destruction and the end of the key, in which it can be taken back; what it encrypted is lost after."
  type        = number
  default     = 7

  validation {
    condition     = var.deletion_window_days >= 7 && var.deletion_window_days <= 30
    error_message = "deletion_window_days is ${var.deletion_window_days}; KMS offers 7 to 30."
  }
}
