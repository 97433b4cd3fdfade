output "firewalls" {
  description = "Ids by kind: relays, nats, control."
  value       = { for kind, f in linode_firewall.this : kind => f.id }
}

output "rules" {
  description = "What each lets in, for tests and for readers of a plan."
  value       = local.rules
}
