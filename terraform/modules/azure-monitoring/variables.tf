variable "name" {
  description = "Name of the deployment, part of the name of everything."
  type        = string
}

variable "suffix" {
  description = "What makes the name of Grafana, which is unique in all of Azure, this deployment's."
  type        = string
}

variable "resource_group_name" {
  description = "Resource group of all of it."
  type        = string
}

variable "resource_group_id" {
  description = "Id of the same resource group."
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

variable "cluster" {
  description = "The cluster to watch: `id` and `name`."
  type = object({
    id   = string
    name = string
  })
}

variable "log_analytics" {
  description = "Workspace for the logs of containers: `workspace_id`. Null means none."
  type = object({
    workspace_id = string
  })
  default = null
}

variable "prometheus" {
  description = "Have a workspace for the cluster's metrics."
  type        = bool
  default     = true
}

variable "grafana" {
  description = "Have a Grafana that reads them."
  type        = bool
  default     = true

  validation {
    condition     = !var.grafana || var.prometheus
    error_message = "grafana is on and prometheus is off: it would have nothing to show. Turn both on, or both off."
  }
}

variable "grafana_administrators" {
  description = "Principals, by a name, that administer Grafana: who runs Terraform, and imports the dashboards."
  type        = map(string)
  default     = {}
}

variable "grafana_viewers" {
  description = "Object ids of Entra groups that may look at dashboards."
  type        = set(string)
  default     = []
}
