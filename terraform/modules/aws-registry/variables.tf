variable "name" {
  description = "What comes before each repository's name."
  type        = string
}

variable "repositories" {
  description = "Repositories, one for each image."
  type        = set(string)

  validation {
    condition     = alltrue([for name in var.repositories : can(regex("^[a-z0-9]+([._-][a-z0-9]+)*$", name))])
    error_message = "repositories names what ECR does not allow: ${join(", ", [for name in var.repositories : name if !can(regex("^[a-z0-9]+([._-][a-z0-9]+)*$", name))])}; lower-case letters and digits, with single dots, dashes and underscores within."
  }
}

variable "keep" {
  description = "Images that each repository keeps, the newest first."
  type        = number
  default     = 50

  validation {
    condition     = var.keep >= 1
    error_message = "keep is ${var.keep}; a repository keeps 1 image at least."
  }
}

variable "delete_images" {
  description = "Let a destruction delete repositories that hold images: what the sources can make again."
  type        = bool
  default     = true
}

variable "own_key" {
  description = "`arn` of the key of the images; null means AWS' own for ECR."
  type        = object({ arn = string })
  default     = null
}
