variable "name" {
  description = "First part of every label and tag. The fleet may make and remove only what has the tag NAME:fleet."
  type        = string
  default     = "hayate"
  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{1,14}[a-z0-9]$", var.name))
    error_message = "name: 3 to 16 of a-z, 0-9 and -, beginning with a letter; labels of firewalls hold no more than 32 characters."
  }
}

variable "regions" {
  description = <<-E
    Regions of Linode, each with
      code    the region's name in the cluster and its JetStream domain; clients and tickets of gifts know it. Never changes.
      relays  how many relays of each generation; the generation is a key of var.generations
      nats    NATS servers: 3, or 1 for a trial (gifts are then as safe as one disk)
    A third region is one more line. Kept in regions.auto.tfvars.json, which the commands of a roll rewrite.
  E
  type = map(object({
    code   = string
    relays = map(number)
    nats   = optional(number, 3)
  }))

  validation {
    condition     = length(var.regions) > 0
    error_message = "regions: at least one, as { \"jp-tyo-3\" = { code = \"jp\", relays = { a = 2 } } }."
  }
  validation {
    condition     = length(setsubtract(keys(var.regions), local.known_regions)) == 0
    error_message = "regions: not known: ${join(", ", setsubtract(keys(var.regions), local.known_regions))}. Known are ${join(", ", local.known_regions)}; a newer one is added to known_regions in regions.tf."
  }
  validation {
    condition     = alltrue([for r in var.regions : can(regex("^[a-z][a-z0-9]{1,7}$", r.code))])
    error_message = "regions: code is 2 to 8 of a-z and 0-9, beginning with a letter."
  }
  validation {
    condition     = length(distinct([for r in var.regions : r.code])) == length(var.regions)
    error_message = "regions: two regions have the same code; it names the JetStream domain, which must be one region's alone."
  }
  validation {
    condition     = alltrue([for r in var.regions : length(r.relays) > 0])
    error_message = "regions: a region without relays serves nobody. Give it a generation, or take the region's line out."
  }
  validation {
    condition     = alltrue(flatten([for r in var.regions : [for n in values(r.relays) : n >= 1 && n <= 100 && floor(n) == n]]))
    error_message = "regions: each generation has 1 to 100 relays. One that goes away is taken out of the map, not set to 0."
  }
  validation {
    condition     = alltrue(flatten([for r in var.regions : [for g in keys(r.relays) : contains(keys(var.generations), g)]]))
    error_message = "regions: a generation is not in var.generations: ${join(", ", setsubtract(flatten([for r in var.regions : keys(r.relays)]), keys(var.generations)))}."
  }
  validation {
    condition     = alltrue([for r in var.regions : contains([1, 3], r.nats)])
    error_message = "regions: nats is 3, or 1 for a trial: two servers have no majority when one is away."
  }
}

variable "generations" {
  description = <<-E
    What relays are made from, by a short name that says nothing (a, b, c): the release by URL and checksum, and the machine.
    A generation never changes: machines keep what they were made with. To change anything, add one and roll.
  E
  type = map(object({
    url    = string
    sha256 = string
    type   = optional(string, "g6-standard-2")
    image  = optional(string, "linode/debian12")
  }))
  validation {
    condition     = alltrue([for g in keys(var.generations) : can(regex("^[a-z0-9]{1,8}$", g))])
    error_message = "generations: a name is 1 to 8 of a-z and 0-9."
  }
  validation {
    condition     = alltrue([for g in var.generations : can(regex("^https://[^\\s'\"]+\\.tar\\.gz$", g.url))])
    error_message = "generations: url is the https address of hayate-VERSION-linux-x64.tar.gz."
  }
  validation {
    condition     = alltrue([for g in var.generations : can(regex("^[0-9a-f]{64}$", g.sha256))])
    error_message = "generations: sha256 is 64 lower case hexadecimal digits, as in SHA256SUMS of the release."
  }
}

variable "nats" {
  description = "nats-server for linux-amd64: the project's release by URL and checksum, and the type of its machines."
  type = object({
    url    = string
    sha256 = string
    type   = optional(string, "g6-standard-1")
  })
  validation {
    condition     = can(regex("^https://[^\\s'\"]+\\.tar\\.gz$", var.nats.url)) && can(regex("^[0-9a-f]{64}$", var.nats.sha256))
    error_message = "nats: url is the https address of nats-server-vN-linux-amd64.tar.gz, sha256 its 64 lower case hexadecimal digits."
  }
}

variable "control" {
  description = "The control node: its region (a key of var.regions), its type, and Grafana's archive for linux-amd64 (null: none)."
  type = object({
    region  = string
    type    = optional(string, "g6-standard-1")
    grafana = optional(object({ url = string, sha256 = string }))
  })
  validation {
    condition     = contains(keys(var.regions), var.control.region)
    error_message = "control: region ${var.control.region} is not a key of var.regions (${join(", ", keys(var.regions))})."
  }
  validation {
    condition = (var.control.grafana == null ? true :
    can(regex("^https://[^\\s'\"]+\\.tar\\.gz$", var.control.grafana.url)) && can(regex("^[0-9a-f]{64}$", var.control.grafana.sha256)))
    error_message = "control: grafana has the https address of a .tar.gz and its sha256 of 64 lower case hexadecimal digits."
  }
}

variable "admin_cidrs" {
  description = "From where SSH, Prometheus and Grafana may be reached, as 203.0.113.7/32 or 2001:db8::/48."
  type        = set(string)
  validation {
    condition     = length(var.admin_cidrs) > 0
    error_message = "admin_cidrs: at least one, or nobody reaches the machines."
  }
  validation {
    condition     = alltrue([for c in var.admin_cidrs : can(cidrhost(c, 0))])
    error_message = "admin_cidrs: not an address with a prefix length: ${join(", ", [for c in var.admin_cidrs : c if !can(cidrhost(c, 0))])}. A single address is 203.0.113.7/32."
  }
  validation {
    condition     = alltrue([for c in var.admin_cidrs : try(tonumber(split("/", c)[1]), 32) >= (strcontains(c, ":") ? 32 : 8)])
    error_message = "admin_cidrs: wider than /8 (IPv6: /32); SSH is not for the whole internet."
  }
}

variable "ssh_keys" {
  description = "Public SSH keys of root, one a string. Read at a machine's first boot only."
  type        = list(string)
  validation {
    condition     = length(var.ssh_keys) > 0 && alltrue([for k in var.ssh_keys : can(regex("^(ssh-ed25519|ssh-rsa|ecdsa-sha2-nistp[0-9]+|sk-[a-z0-9@.-]+) [A-Za-z0-9+/=]+( .*)?$", k))])
    error_message = "ssh_keys: at least one line of a .pub file (ssh-ed25519 AAAA... name)."
  }
}

variable "domain" {
  description = "A domain in the account's DNS manager: every relay gets the name CODE-GENERATION-NUMBER.DOMAIN. Null: relays are dialled by address and known by their certificates' hashes."
  type        = string
  default     = null
  validation {
    condition     = var.domain == null ? true : can(regex("^([a-z0-9-]+\\.)+[a-z]{2,}$", var.domain))
    error_message = "domain: a name as live.example.com, without https:// and without a dot at the end."
  }
}

variable "relay" {
  description = "Settings that every relay gets over those made here, as in docs/configuration.md. Run time only: changes no machine; send them with infra/push.ts."
  type        = any
  default     = {}
  validation {
    condition     = can(keys(var.relay))
    error_message = "relay: an object, as { log = { level = \"debug\" } }."
  }
}

variable "enrolment" {
  description = <<-E
    How relays come by their keys without anybody's SSH.
      ca      keys/ca.pem of `hayate cluster keys`: public
      tokens  of relays that are about to be made, by id, as `hayate control token` prints them; each is good once, for ten minutes.
              A relay without one waits for infra/push.ts.
      linode  machines must come from the address of the Linode with their label; needs /etc/hayate/linode.token at the control node
      acme    orders *.DOMAIN there: email, and the zone of the DNS manager that DOMAIN is in; needs the same file
  E
  type = object({
    ca     = optional(string, "")
    tokens = optional(map(string), {})
    linode = optional(bool, false)
    acme   = optional(object({ email = string, zone = string }))
  })
  default = {}
  validation {
    condition     = length(var.enrolment.tokens) == 0 || can(regex("^-----BEGIN CERTIFICATE-----", var.enrolment.ca))
    error_message = "enrolment: tokens go with ca, the text of keys/ca.pem: a machine must know whom it gives its token."
  }
  validation {
    condition     = alltrue([for t in values(var.enrolment.tokens) : can(regex("^[A-Za-z0-9_-]{43}$", t))])
    error_message = "enrolment: a token is 43 letters, digits, - and _, as `hayate control token` prints it."
  }
  validation {
    condition     = length(setsubtract(keys(var.enrolment.tokens), flatten([for c in local.crews : keys(c.relays)]))) == 0
    error_message = "enrolment: no such relay: ${join(", ", setsubtract(keys(var.enrolment.tokens), flatten([for c in local.crews : keys(c.relays)])))}."
  }
  validation {
    condition     = var.enrolment.acme == null || (var.domain != null && var.enrolment.linode)
    error_message = "enrolment: acme needs var.domain, and linode = true for the DNS manager."
  }
  validation {
    condition     = var.enrolment.acme == null || var.domain == null ? true : endswith(".${var.domain}", ".${var.enrolment.acme.zone}")
    error_message = "enrolment: acme.zone is the zone that var.domain is in, as example.com for live.example.com."
  }
}

variable "fleet" {
  description = <<-E
    The fleet at the control node. It places rooms, and makes relays of the newest generation that runs, beside those of `regions`, which it
    leaves alone. Null: none.
      dry_run  says what it would make and remove, and does neither; on until it is false
      min      relays that it makes in each region, at least
      max      and at most: what it may cost is in output `monthly`
    Run time only: changes no machine, but opens ports (README). Send it with infra/push.ts.
  E
  type = object({
    dry_run = optional(bool, true)
    min     = optional(number, 0)
    max     = optional(number, 4)
  })
  default = null
  validation {
    condition     = try(var.fleet.min >= 0 && var.fleet.max >= max(1, var.fleet.min) && var.fleet.max <= 100 && floor(var.fleet.min) == var.fleet.min && floor(var.fleet.max) == var.fleet.max, var.fleet == null)
    error_message = "fleet: min and max are whole numbers from 0 to 100, max at least 1 and not below min."
  }
  validation {
    condition     = try(var.fleet.dry_run, true) || (var.enrolment.linode && can(regex("^-----BEGIN CERTIFICATE-----", var.enrolment.ca)))
    error_message = "fleet: what it makes enrols: with dry_run = false it needs enrolment.ca, the text of keys/ca.pem, and enrolment.linode = true."
  }
  validation {
    condition     = var.fleet == null || !contains(keys(var.generations), "f")
    error_message = "fleet: relays of a generation f would have the names of the fleet's."
  }
}
