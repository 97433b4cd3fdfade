variable "name" {
  type = string
}

variable "admin_cidrs" {
  type = set(string)
}

variable "relays" {
  description = "By name: id, ipv4, ipv6."
  type        = map(object({ id = string, ipv4 = string, ipv6 = string }))
}

variable "nats" {
  type = map(object({ id = string, ipv4 = string, ipv6 = string }))
}

variable "control" {
  type = map(object({ id = string, ipv4 = string, ipv6 = string }))
}

variable "fleet" {
  description = "Relays that the fleet made: an apply must not shut them out. Their firewall they got from the fleet."
  type        = list(object({ ipv4 = string, ipv6 = string }))
}

variable "unlisted" {
  description = "The fleet makes relays at any time, whose addresses nobody knows before: what takes certificates, users or tokens of the cluster alone is open to all."
  type        = bool
  default     = false
}
