variable "name" {
  description = "Beginning of all names."
  type        = string
}

variable "region" {
  description = "Region, to which everything that Karpenter may do is limited."
  type        = string
}

variable "cluster_name" {
  description = "The EKS cluster."
  type        = string
}

variable "namespace" {
  description = "Namespace of Karpenter, whose service account is `karpenter`."
  type        = string
  default     = "kube-system"
}

variable "own_key" {
  description = "`arn` of the key of queue and disks; null means AWS' own."
  type        = object({ arn = string })
  default     = null
}
