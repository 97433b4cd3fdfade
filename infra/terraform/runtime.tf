# What machines need to run, and what may change while they do. Never in user_data: infra/push.ts brings it.
locals {
  relay_json = {
    for key, base in local.relay_base : key => merge(base, {
      for section, values in var.relay : section => try(merge(base[section], values), values)
    })
  }
  relay_files = { for id in keys(local.relays) : id => { "/etc/hayate/relay.json" = jsonencode(local.relay_json[id]) } }
  # Every relay that Terraform makes, and one of each region whose name and address the control node fills in.
  relay_places = merge(
    { for id, m in local.relays : id => { id = id, code = local.code_of[id], ipv4 = m.ipv4, ipv6 = m.ipv6 } },
    { for code in local.codes : "any of ${code}" => { id = "{id}", code = code, ipv4 = "{address}", ipv6 = "" } },
  )
  relay_base = {
    for key, m in local.relay_places : key => merge(
      {
        stateDir  = "/var/lib/hayate"
        publicUrl = "https://${var.domain == null ? m.ipv4 : "${m.id}.${var.domain}"}/v1"
        transport = "engine"
        listen    = { host = "::", port = 443 }
        certificate = {
          for key, value in {
            names    = var.domain == null ? compact([m.ipv4, m.ipv6]) : null
            certFile = var.domain == null ? null : "/etc/hayate/cert.pem"
            keyFile  = var.domain == null ? null : "/etc/hayate/cert.key"
          } : key => value if value != null
        }
        # The service API stays on loopback: its token must not cross a network in clear. Through SSH it is reached.
        api     = { tokenFile = "/etc/hayate/service.token" }
        metrics = { host = "::" }
        gifts   = { region = m.code }
        cluster = {
          relayId       = m.id
          region        = m.code
          regions       = local.codes
          natsUrls      = [for key, n in local.nats : "tls://${n.ipv4}:4222" if local.code_of[key] == m.code]
          natsCaFile    = "/etc/hayate/nats-ca.pem"
          natsCredsFile = "/etc/hayate/nats.creds"
          natsReplicas  = length([for key, n in local.nats : key if local.code_of[key] == m.code])
          advertise     = m.ipv4
          caFile        = "/etc/hayate/ca.pem"
          certFile      = "/etc/hayate/relay.pem"
          keyFile       = "/etc/hayate/relay.key"
        }
        # Clients are told and go elsewhere by themselves; whoever stays is closed after this.
        drainMs = 600000
      },
      { for section, values in { token = { keyFile = "/etc/hayate/token.key" } } : section => values if !can(var.relay.token) },
    )
  }

  nats_pair = "cert_file: \"/etc/hayate/nats.pem\", key_file: \"/etc/hayate/nats.key\""
  # Servers show each other certificates of an authority that vouches for nobody else: no relay can be one.
  nats_mutual = "tls { ${local.nats_pair}, ca_file: \"/etc/hayate/nats-ca.pem\", verify: true }"
  nats_leaf   = "credentials: \"/etc/hayate/nats.creds\", ${local.nats_mutual}\n    include \"nats-leaf.conf\"\n "

  # A region dials those before it, so that each pair is joined once.
  nats_files = {
    for id, m in local.nats : id => {
      "/etc/hayate/nats.conf" = join("\n", concat(
        [
          "server_name: \"${id}\"",
          "listen: \"0.0.0.0:4222\"",
          "http: \"0.0.0.0:8222\"",
          "lame_duck_duration: \"30s\"",
          # Each write is on the disk before it is acked: gifts are money.
          "jetstream { domain: \"${local.code_of[id]}\", store_dir: \"/var/lib/hayate-nats\", sync_interval: always }",
          # Operator and accounts, signed and public, come with the keys: Terraform knows none of them.
          "include \"nats-accounts.conf\"",
          "tls { ${local.nats_pair} }",
          "leafnodes {",
          "  listen: \"0.0.0.0:7422\"",
          # Others dial the addresses of this file; what a server would tell of itself may be an address that nobody reaches.
          "  no_advertise: true",
          "  ${local.nats_mutual}",
          "  remotes: [${join(", ", [
            for code in local.codes : "{ urls: [${join(", ", [for key, n in local.nats : "\"nats-leaf://${n.ipv4}:7422\"" if local.code_of[key] == code])}], ${local.nats_leaf} }"
            if index(local.codes, code) < index(local.codes, local.code_of[id])
          ])}]",
          "}",
        ],
        [for peers in [[for key, n in local.nats : "\"nats-route://${n.ipv4}:6222\"" if key != id && local.code_of[key] == local.code_of[id]]] :
          "cluster { name: \"${local.code_of[id]}\", listen: \"0.0.0.0:6222\", routes: [${join(", ", peers)}], ${local.nats_mutual} }" if length(peers) > 0
        ],
        [""],
      ))
    }
  }

  control_files = merge(
    {
      "/etc/hayate/control.json" = jsonencode(merge(
        {
          stateDir  = "/var/lib/hayate-control"
          listen    = { host = "::", port = 8443 }
          authority = { certFile = "/etc/hayate/ca.pem", keyFile = "/etc/hayate/ca.key" }
          nats      = {}
          relays    = { for code in local.codes : code => local.relay_json["any of ${code}"] }
        },
        # Tokens of the API: one for names, one that may look machines up. Neither is Terraform's.
        var.enrolment.linode ? { linode = { labelPrefix = "${var.name}-" } } : {},
        var.enrolment.acme == null || var.domain == null ? {} : {
          acme = {
            names = ["*.${var.domain}"]
            email = var.enrolment.acme.email
            dns   = { kind = "linode", zone = var.enrolment.acme.zone }
          }
        },
      ))
      "/etc/prometheus/prometheus.yml" = yamlencode({
        global     = { scrape_interval = "15s", evaluation_interval = "15s" }
        rule_files = ["/etc/prometheus/rules/*.yml"]
        scrape_configs = concat([{
          job_name = "hayate"
          # Known without the fleet. What it lists too has the same labels, and is scraped once.
          static_configs = [
            for id in sort(keys(local.relays)) : {
              targets = ["${local.relays[id].ipv4}:9464"]
              labels  = { relay = id, region = local.code_of[id] }
            }
          ]
          # All relays of the directory, those that the fleet made included.
          http_sd_configs = [for fleet in var.fleet[*] : { url = "http://127.0.0.1:8490/v1/targets", refresh_interval = "15s" }]
          }],
          # Its own figures: machines, need, transfer.
          [for fleet in var.fleet[*] : {
            job_name       = "hayate-fleet"
            static_configs = [{ targets = ["127.0.0.1:8490"] }]
          }],
        )
      })
      "/etc/prometheus/rules/hayate.yml" = file("${path.module}/../prometheus/hayate.rules.yml")
    },
    var.fleet == null ? {} : {
      "/etc/hayate/fleet.json"      = jsonencode(local.fleet_json)
      "/etc/hayate/fleet-user-data" = local.fleet_user_data
    },
    var.control.grafana == null ? {} : merge({
      "/etc/hayate/grafana.ini" = "[server]\nhttp_addr = 127.0.0.1\n[paths]\nprovisioning = /etc/hayate/grafana\n[analytics]\nreporting_enabled = false\n"
      "/etc/hayate/grafana/datasources/prometheus.yaml" = yamlencode({
        apiVersion  = 1
        datasources = [{ name = "Prometheus", uid = "prometheus", type = "prometheus", url = "http://127.0.0.1:9090", isDefault = true }]
      })
      "/etc/hayate/grafana/dashboards/hayate.yaml" = yamlencode({
        apiVersion = 1
        providers  = [{ name = "hayate", folder = "Hayate", type = "file", options = { path = "/etc/hayate/grafana/hayate" } }]
      })
      },
      { for name in fileset("${path.module}/../grafana/dashboards", "*.json") :
        "/etc/hayate/grafana/hayate/${name}" => file("${path.module}/../grafana/dashboards/${name}")
      },
    ),
  )

  control_code = var.regions[var.control.region].code
  fleet_json = {
    owner            = "control"
    dryRun           = try(var.fleet.dry_run, true)
    serviceTokenFile = "/etc/hayate/secrets/service.token"
    regions = {
      for region, r in var.regions : r.code => { zones = { linode = [region] }, min = try(var.fleet.min, 0), max = try(var.fleet.max, 1) }
    }
    nats = {
      urls      = [for key, n in local.nats : "tls://${n.ipv4}:4222" if local.code_of[key] == local.control_code]
      region    = local.control_code
      replicas  = var.regions[var.control.region].nats
      caFile    = "/etc/hayate/nats-ca.pem"
      credsFile = "/etc/hayate/fleet.creds"
    }
    providers = {
      linode = {
        kind         = "linode"
        tokenFile    = "/etc/hayate/linode.token"
        type         = var.generations[local.fleet_generation].type
        image        = var.generations[local.fleet_generation].image
        firewallId   = tonumber(module.network.firewalls["relays"])
        userDataFile = "/etc/hayate/fleet-user-data"
      }
    }
    labelPrefix = "${var.name}-"
    tag         = "${var.name}:fleet"
    # Where the enrolment beside it keeps tokens: a machine that is made has one of its own.
    enrolment = { stateDir = "/var/lib/hayate-control" }
  }

  services = merge(
    { for id in keys(local.relays) : id => ["hayate-relay"] },
    { for id in keys(local.nats) : id => ["hayate-nats"] },
    { control = concat(["hayate-control"], [for fleet in var.fleet[*] : "hayate-fleet"], ["prometheus"], var.control.grafana == null ? [] : ["hayate-grafana"]) },
  )
}
