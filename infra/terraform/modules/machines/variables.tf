variable "label" {
  description = "Of the placement groups, followed by their number."
  type        = string
}

variable "region" {
  type = string
}

variable "machines" {
  description = "By a name that stays: number from 1 (decides the placement group), label, user_data in clear; birth: contents of enrol.json."
  type        = map(object({ number = number, label = string, user_data = string, birth = optional(string) }))
}

variable "type" {
  type = string
}

variable "image" {
  type = string
}

variable "tags" {
  type = set(string)
}

variable "ssh_keys" {
  type = list(string)
}

variable "spread" {
  description = "strict: no machine rather than two on one host. flexible: two on one host rather than none."
  type        = string
  validation {
    condition     = contains(["strict", "flexible"], var.spread)
    error_message = "spread: strict or flexible."
  }
}
