# Both regions, a third one, what user_data depends on, and a roll.
mock_provider "linode" {
  source = "./tests/mock"
}

variables {
  regions = {
    jp-tyo-3 = { code = "jp", relays = { a = 6 } }
    us-ord   = { code = "us", relays = { a = 2 } }
  }
  generations = { a = { url = "https://example.com/hayate-0.1.0-linux-x64.tar.gz", sha256 = "aa00000000000000000000000000000000000000000000000000000000000000" } }
  nats        = { url = "https://example.com/nats-server-v2.15.3-linux-amd64.tar.gz", sha256 = "bb00000000000000000000000000000000000000000000000000000000000000" }
  control     = { region = "jp-tyo-3" }
  admin_cidrs = ["203.0.113.7/32", "2001:db8:1::/48"]
  ssh_keys    = ["ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4 admin"]
}

run "both_regions" {
  override_data {
    target = data.linode_instance_type.used["g6-standard-1"]
    values = { price = [{ hourly = 0.018, monthly = 12 }], region_prices = [], transfer = 2000 }
  }
  assert {
    condition = toset(keys(output.machines)) == toset([
      "jp-a-1", "jp-a-2", "jp-a-3", "jp-a-4", "jp-a-5", "jp-a-6", "us-a-1", "us-a-2",
      "nats-jp-1", "nats-jp-2", "nats-jp-3", "nats-us-1", "nats-us-2", "nats-us-3", "control",
    ])
    error_message = "machines: ${join(" ", keys(output.machines))}"
  }
  assert {
    condition     = [for n, g in output.fleet.groups["jp/a"] : g.free] == [0, 4] && [for n, g in output.fleet.groups["us/a"] : g.free] == [3]
    error_message = "six relays are five in one placement group and one in the next: ${jsonencode(output.fleet.groups)}"
  }
  assert {
    condition     = jsonencode(output.monthly) == jsonencode({ usd = 8 * 24 + 7 * 12, fleet_usd_at_most = 0, transfer_gb = 8 * 4000 + 7 * 2000, machines = 15 })
    error_message = "cost: ${jsonencode(output.monthly)}"
  }
  assert {
    condition = [for r in output.firewall_rules["relays"] : "${r.protocol} ${r.ports}" if contains(r.from.ipv4, "0.0.0.0/0")] == ["UDP 443", "TCP 443"] && length([
      for r in concat(output.firewall_rules["nats"], output.firewall_rules["control"]) : r if contains(r.from.ipv4, "0.0.0.0/0") || contains(r.from.ipv6, "::/0")
    ]) == 0
    error_message = "something else than 443 of relays is open to all"
  }
  assert {
    condition     = alltrue([for kind, rules in output.firewall_rules : jsonencode([for r in rules : r.from if r.ports == "22"]) == jsonencode([{ ipv4 = ["203.0.113.7/32"], ipv6 = ["2001:db8:1::/48"] }])])
    error_message = "SSH is not for the administrators alone"
  }
  assert {
    condition     = length([for r in output.firewall_rules["relays"] : r if r.ports == "4434" && length(r.from.ipv4) == 8]) == 1
    error_message = "the trunk is not open to every relay: ${jsonencode(output.firewall_rules["relays"])}"
  }
}

run "relays_of_the_fleet_are_let_in" {
  command = plan
  override_data {
    target = data.linode_instances.fleet
    values = { instances = [{ ip_address = "192.0.2.99", ipv6 = "2001:db8::99/128" }] }
  }
  assert {
    condition = alltrue([
      for kind, ports in { relays = "4434", nats = "4222" } :
      length([for r in output.firewall_rules[kind] : r if r.ports == ports && contains(r.from.ipv4, "192.0.2.99/32") && contains(r.from.ipv6, "2001:db8::99/128")]) == 1
    ])
    error_message = jsonencode(output.firewall_rules)
  }
  assert {
    condition     = !strcontains(jsonencode(run.both_regions.firewall_rules), "192.0.2.99")
    error_message = "it is let in without the fleet"
  }
}

run "prices_of_a_dearer_region" {
  command = plan
  variables {
    regions = { id-cgk = { code = "id", relays = { a = 1 }, nats = 1 } }
    control = { region = "id-cgk" }
  }
  assert {
    condition     = floor(output.monthly.usd * 10 + 0.5) == 864
    error_message = "cost: ${jsonencode(output.monthly)}"
  }
}

run "what_machines_get" {
  assert {
    condition = (
      jsondecode(output.machines["us-a-2"].files["/etc/hayate/relay.json"]).cluster.region == "us" &&
      jsondecode(output.machines["us-a-2"].files["/etc/hayate/relay.json"]).cluster.regions == ["jp", "us"] &&
      length(jsondecode(output.machines["us-a-2"].files["/etc/hayate/relay.json"]).cluster.natsUrls) == 3 &&
      jsondecode(output.machines["us-a-2"].files["/etc/hayate/relay.json"]).cluster.natsReplicas == 3
    )
    error_message = output.machines["us-a-2"].files["/etc/hayate/relay.json"]
  }
  assert {
    condition     = strcontains(output.machines["nats-us-1"].files["/etc/hayate/nats.conf"], "nats-leaf://") && !strcontains(output.machines["nats-jp-1"].files["/etc/hayate/nats.conf"], "nats-leaf://")
    error_message = "us dials jp, and jp nobody"
  }
  assert {
    condition     = strcontains(output.machines["nats-us-1"].files["/etc/hayate/nats.conf"], "domain: \"us\"") && strcontains(output.machines["nats-us-1"].files["/etc/hayate/nats.conf"], "sync_interval: always")
    error_message = output.machines["nats-us-1"].files["/etc/hayate/nats.conf"]
  }
  assert {
    condition = (
      alltrue([for url in jsondecode(output.machines["us-a-2"].files["/etc/hayate/relay.json"]).cluster.natsUrls : startswith(url, "tls://")]) &&
      jsondecode(output.machines["us-a-2"].files["/etc/hayate/relay.json"]).cluster.natsCredsFile == "/etc/hayate/nats.creds"
    )
    error_message = "relays speak to NATS in clear or without a user: ${output.machines["us-a-2"].files["/etc/hayate/relay.json"]}"
  }
  assert {
    condition     = alltrue([for id, m in output.machines : strcontains(m.files["/etc/hayate/nats.conf"], "include \"nats-accounts.conf\"") && length(regexall("verify: true", m.files["/etc/hayate/nats.conf"])) >= 2 if startswith(id, "nats-")])
    error_message = "a NATS server takes everybody"
  }
  assert {
    condition     = length(split(" ", output.nats_servers)) == 6 && startswith(output.nats_servers, "nats-jp-1=")
    error_message = output.nats_servers
  }
  assert {
    condition     = output.machines["jp-a-1"].services == ["hayate-relay"] && output.machines["control"].services == ["hayate-control", "prometheus"]
    error_message = "services"
  }
  assert {
    condition     = length(yamldecode(output.machines["control"].files["/etc/prometheus/prometheus.yml"]).scrape_configs[0].static_configs) == 8
    error_message = "Prometheus does not see each relay"
  }
  assert {
    condition     = yamldecode(output.machines["control"].files["/etc/prometheus/prometheus.yml"]).rule_files == ["/etc/prometheus/rules/*.yml"] && length(yamldecode(output.machines["control"].files["/etc/prometheus/rules/hayate.yml"]).groups) > 0
    error_message = "Prometheus has no alerts"
  }
  assert {
    condition     = length([for path in keys(output.machines["control"].files) : path if startswith(path, "/etc/hayate/grafana")]) == 0
    error_message = "files for a Grafana that is not there"
  }
}

run "first_boot" {
  assert {
    condition     = yamldecode(output.user_data["jp-a-1"]).hostname == "hayate-jp-a-1" && yamldecode(output.user_data["jp-a-1"]).ssh_pwauth == false
    error_message = output.user_data["jp-a-1"]
  }
  assert {
    condition = yamldecode(output.user_data["jp-a-1"]).runcmd == [join(" && ", [
      "/usr/local/sbin/hayate-fetch 'https://example.com/hayate-0.1.0-linux-x64.tar.gz' aa00000000000000000000000000000000000000000000000000000000000000 /opt/hayate",
      "/opt/hayate/infra/machine/install.sh relay",
    ])]
    error_message = output.user_data["jp-a-1"]
  }
  assert {
    condition     = length(regexall("(?i)secret|password|token|private key|BEGIN", join("", values(output.user_data)))) == 0
    error_message = "user_data speaks of secrets; it stays in the state in clear"
  }
  assert {
    condition     = yamldecode(output.user_data["control"]).write_files[1] == { path = "/etc/default/prometheus", permissions = "0644", content = "ARGS=\"--web.listen-address=127.0.0.1:9090\"\n" }
    error_message = "Prometheus listens to all: ${output.user_data["control"]}"
  }
  assert {
    # The API takes 16 kB before base64.
    condition     = alltrue([for text in values(output.user_data) : length(text) < 16000])
    error_message = "user_data is too long"
  }
}

run "grafana_has_dashboards" {
  variables {
    control = {
      region  = "jp-tyo-3"
      grafana = { url = "https://example.com/grafana.tar.gz", sha256 = "dd00000000000000000000000000000000000000000000000000000000000000" }
    }
  }
  assert {
    condition = (
      length([for path in keys(output.machines["control"].files) : path if startswith(path, "/etc/hayate/grafana/hayate/hayate-")]) == 6 &&
      jsondecode(output.machines["control"].files["/etc/hayate/grafana/hayate/hayate-overview.json"]).uid == "hayate-overview" &&
      yamldecode(output.machines["control"].files["/etc/hayate/grafana/dashboards/hayate.yaml"]).providers[0].options.path == "/etc/hayate/grafana/hayate" &&
      yamldecode(output.machines["control"].files["/etc/hayate/grafana/datasources/prometheus.yaml"]).datasources[0].uid == "prometheus"
    )
    error_message = join(" ", keys(output.machines["control"].files))
  }
}

run "run_time_settings_change_no_machine" {
  variables {
    regions = {
      jp-tyo-3 = { code = "jp", relays = { a = 6 }, nats = 1 }
      us-ord   = { code = "us", relays = { a = 3 } }
    }
    admin_cidrs = ["198.51.100.0/24"]
    domain      = "live.example.com"
    relay       = { log = { level = "debug" }, rooms = { budgetMs = 150 }, token = { jwksUrl = "https://example.com/jwks" } }
  }
  assert {
    condition     = alltrue([for id, sum in output.user_data_sha256 : sum == run.both_regions.user_data_sha256[id] if contains(keys(run.both_regions.user_data_sha256), id)])
    error_message = "a run-time setting changed what a machine is made from"
  }
  assert {
    condition     = jsondecode(output.machines["jp-a-1"].files["/etc/hayate/relay.json"]) != jsondecode(run.both_regions.machines["jp-a-1"].files["/etc/hayate/relay.json"])
    error_message = "the settings did not reach the relay: this test sees nothing"
  }
  assert {
    condition = (
      jsondecode(output.machines["jp-a-1"].files["/etc/hayate/relay.json"]).publicUrl == "https://jp-a-1.live.example.com/v1" &&
      jsondecode(output.machines["jp-a-1"].files["/etc/hayate/relay.json"]).token == { jwksUrl = "https://example.com/jwks" } &&
      jsondecode(output.machines["jp-a-1"].files["/etc/hayate/relay.json"]).rooms.budgetMs == 150
    )
    error_message = output.machines["jp-a-1"].files["/etc/hayate/relay.json"]
  }
  assert {
    condition     = length(linode_domain_record.relay) == 18
    error_message = "an A and an AAAA record for each of nine relays: ${join(" ", keys(linode_domain_record.relay))}"
  }
}

run "a_machine_that_enrols" {
  variables {
    enrolment = {
      ca     = "-----BEGIN CERTIFICATE-----\nMII\n-----END CERTIFICATE-----\n"
      tokens = { "us-a-2" = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA" }
      linode = true
      acme   = { email = "ops@example.com", zone = "example.com" }
    }
    domain = "live.example.com"
  }
  assert {
    condition = jsondecode(output.births["us-a-2"]) == {
      id    = "us-a-2"
      url   = "https://${run.both_regions.machines["control"].address}:8443"
      ca    = "-----BEGIN CERTIFICATE-----\nMII\n-----END CERTIFICATE-----\n"
      token = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"
    }
    error_message = jsonencode(output.births)
  }
  assert {
    condition     = output.user_data_sha256 == run.both_regions.user_data_sha256
    error_message = "a token makes another machine"
  }
  assert {
    condition     = jsondecode(output.machines["control"].files["/etc/hayate/control.json"]).relays["us"].cluster.region == "us" && jsondecode(output.machines["control"].files["/etc/hayate/control.json"]).relays["us"].cluster.advertise == "{address}"
    error_message = output.machines["control"].files["/etc/hayate/control.json"]
  }
  assert {
    condition     = jsondecode(output.machines["control"].files["/etc/hayate/control.json"]).acme.names == ["*.live.example.com"] && jsondecode(output.machines["control"].files["/etc/hayate/control.json"]).linode.labelPrefix == "hayate-"
    error_message = output.machines["control"].files["/etc/hayate/control.json"]
  }
  assert {
    condition     = length([for r in output.firewall_rules["control"] : r if r.ports == "8443" && length(r.from.ipv4) == 8 && !contains(r.from.ipv4, "0.0.0.0/0")]) == 1
    error_message = jsonencode(output.firewall_rules["control"])
  }
}

run "the_fleet_says_what_it_would_do" {
  override_data {
    target = data.linode_instance_type.used["g6-standard-1"]
    values = { price = [{ hourly = 0.018, monthly = 12 }], region_prices = [], transfer = 2000 }
  }
  variables {
    fleet = {}
  }
  assert {
    condition     = output.machines["control"].services == ["hayate-control", "hayate-fleet", "prometheus"]
    error_message = join(" ", output.machines["control"].services)
  }
  assert {
    condition = (
      jsondecode(output.machines["control"].files["/etc/hayate/fleet.json"]).dryRun == true &&
      jsondecode(output.machines["control"].files["/etc/hayate/fleet.json"]).regions["us"] == { zones = { linode = ["us-ord"] }, min = 0, max = 4 } &&
      jsondecode(output.machines["control"].files["/etc/hayate/fleet.json"]).nats.region == "jp" &&
      length(jsondecode(output.machines["control"].files["/etc/hayate/fleet.json"]).nats.urls) == 3 &&
      jsondecode(output.machines["control"].files["/etc/hayate/fleet.json"]).providers.linode.firewallId == tonumber(output.fleet.firewall) &&
      jsondecode(output.machines["control"].files["/etc/hayate/fleet.json"]).tag == output.fleet.tag
    )
    error_message = output.machines["control"].files["/etc/hayate/fleet.json"]
  }
  assert {
    condition     = output.firewall_rules == run.both_regions.firewall_rules && output.monthly == run.both_regions.monthly
    error_message = "a dry run opens ports or costs something"
  }
  assert {
    condition     = output.user_data_sha256 == run.both_regions.user_data_sha256
    error_message = "the fleet changes what machines are made from"
  }
  assert {
    condition     = !contains(keys(run.both_regions.machines["control"].files), "/etc/hayate/fleet.json") && !contains(run.both_regions.machines["control"].services, "hayate-fleet")
    error_message = "the fleet is there without being asked for"
  }
  assert {
    condition = (
      yamldecode(output.machines["control"].files["/etc/prometheus/prometheus.yml"]).scrape_configs[0].http_sd_configs[0].url == "http://127.0.0.1:8490/v1/targets" &&
      length(yamldecode(run.both_regions.machines["control"].files["/etc/prometheus/prometheus.yml"]).scrape_configs[0].http_sd_configs) == 0 &&
      [for config in yamldecode(output.machines["control"].files["/etc/prometheus/prometheus.yml"]).scrape_configs : config.job_name] == ["hayate", "hayate-fleet"] &&
      length(yamldecode(run.both_regions.machines["control"].files["/etc/prometheus/prometheus.yml"]).scrape_configs) == 1
    )
    error_message = output.machines["control"].files["/etc/prometheus/prometheus.yml"]
  }
}

run "the_fleet_makes_relays" {
  override_data {
    target = data.linode_instance_type.used["g6-standard-1"]
    values = { price = [{ hourly = 0.018, monthly = 12 }], region_prices = [], transfer = 2000 }
  }
  variables {
    fleet     = { dry_run = false, min = 1, max = 3 }
    enrolment = { ca = "-----BEGIN CERTIFICATE-----\nMII\n-----END CERTIFICATE-----\n", linode = true }
  }
  assert {
    condition = (
      jsondecode(output.machines["control"].files["/etc/hayate/fleet.json"]).dryRun == false &&
      jsondecode(output.machines["control"].files["/etc/hayate/fleet.json"]).labelPrefix == jsondecode(output.machines["control"].files["/etc/hayate/control.json"]).linode.labelPrefix
    )
    error_message = "labels that the control node does not know: ${output.machines["control"].files["/etc/hayate/fleet.json"]}"
  }
  assert {
    condition = (
      yamldecode(output.machines["control"].files["/etc/hayate/fleet-user-data"]).runcmd == yamldecode(output.user_data["us-a-2"]).runcmd &&
      yamldecode(output.machines["control"].files["/etc/hayate/fleet-user-data"]).hostname == "hayate-{id}" &&
      jsondecode(yamldecode(output.machines["control"].files["/etc/hayate/fleet-user-data"]).write_files[1].content) == {
        id    = "{id}"
        url   = "https://${run.both_regions.machines["control"].address}:8443"
        ca    = "-----BEGIN CERTIFICATE-----\nMII\n-----END CERTIFICATE-----\n"
        token = "{enrolmentToken}"
      }
    )
    error_message = output.machines["control"].files["/etc/hayate/fleet-user-data"]
  }
  assert {
    condition = {
      for kind, rules in output.firewall_rules : kind => join(", ", [for r in rules : "${r.protocol} ${r.ports}" if contains(r.from.ipv4, "0.0.0.0/0")])
    } == { relays = "UDP 443, TCP 443, UDP 4434", nats = "TCP 4222", control = "TCP 8443" }
    error_message = "open to all: ${jsonencode(output.firewall_rules)}"
  }
  assert {
    condition     = output.monthly.fleet_usd_at_most == 2 * 3 * 24 && output.monthly.usd == run.both_regions.monthly.usd
    error_message = jsonencode(output.monthly)
  }
}

run "a_third_region" {
  variables {
    regions = {
      jp-tyo-3 = { code = "jp", relays = { a = 6 } }
      us-ord   = { code = "us", relays = { a = 2 } }
      de-fra-2 = { code = "de", relays = { a = 2 } }
    }
  }
  assert {
    condition     = length([for id in keys(output.machines) : id if startswith(id, "de-") || startswith(id, "nats-de-")]) == 5 && length(output.machines) == 20
    error_message = "machines: ${join(" ", keys(output.machines))}"
  }
  assert {
    condition     = jsondecode(output.machines["jp-a-1"].files["/etc/hayate/relay.json"]).cluster.regions == ["de", "jp", "us"]
    error_message = "relays do not know the third region"
  }
  assert {
    condition     = alltrue([for id, sum in run.both_regions.user_data_sha256 : sum == output.user_data_sha256[id]])
    error_message = "a third region replaces machines of the others"
  }
}

run "roll_nothing" {
  assert {
    condition     = startswith(output.roll, "Nothing to roll")
    error_message = output.roll
  }
}

run "roll_announced" {
  variables {
    generations = {
      a = { url = "https://example.com/hayate-0.1.0-linux-x64.tar.gz", sha256 = "aa00000000000000000000000000000000000000000000000000000000000000" }
      b = { url = "https://example.com/hayate-0.2.0-linux-x64.tar.gz", sha256 = "cc00000000000000000000000000000000000000000000000000000000000000" }
    }
  }
  assert {
    condition     = length([for line in split("\n", output.roll) : line if line != "" && !startswith(line, "#")]) == 3
    error_message = output.roll
  }
  assert {
    condition     = strcontains(output.roll, "\"relays\":{\"a\":6,\"b\":6}") && strcontains(output.roll, "\"relays\":{\"b\":6}")
    error_message = output.roll
  }
  assert {
    condition     = output.user_data_sha256 == run.both_regions.user_data_sha256
    error_message = "a generation that nobody runs yet changes machines"
  }
}

run "roll_both" {
  variables {
    regions = {
      jp-tyo-3 = { code = "jp", relays = { a = 6, b = 6 } }
      us-ord   = { code = "us", relays = { a = 2, b = 2 } }
    }
    generations = {
      a = { url = "https://example.com/hayate-0.1.0-linux-x64.tar.gz", sha256 = "aa00000000000000000000000000000000000000000000000000000000000000" }
      b = { url = "https://example.com/hayate-0.2.0-linux-x64.tar.gz", sha256 = "cc00000000000000000000000000000000000000000000000000000000000000" }
    }
  }
  assert {
    condition     = alltrue([for id, sum in run.both_regions.user_data_sha256 : sum == output.user_data_sha256[id] if !startswith(id, "nats") && id != "control"])
    error_message = "the old generation is changed by the new one"
  }
  assert {
    condition     = strcontains(output.user_data["us-b-2"], "hayate-0.2.0") && strcontains(output.user_data["us-a-2"], "hayate-0.1.0")
    error_message = "the new generation is not made from the new release"
  }
}

run "roll_done" {
  variables {
    regions = {
      jp-tyo-3 = { code = "jp", relays = { b = 6 } }
      us-ord   = { code = "us", relays = { b = 2 } }
    }
    generations = { b = { url = "https://example.com/hayate-0.2.0-linux-x64.tar.gz", sha256 = "cc00000000000000000000000000000000000000000000000000000000000000" } }
  }
  assert {
    condition     = length([for id in keys(output.machines) : id if strcontains(id, "-a-")]) == 0 && contains(keys(output.machines), "jp-b-6")
    error_message = "machines: ${join(" ", keys(output.machines))}"
  }
}

run "a_generation_that_was_edited_is_told" {
  variables {
    regions = {
      jp-tyo-3 = { code = "jp", relays = { b = 6 } }
      us-ord   = { code = "us", relays = { b = 2 } }
    }
    generations = { b = { url = "https://example.com/hayate-0.3.0-linux-x64.tar.gz", sha256 = "dd00000000000000000000000000000000000000000000000000000000000000" } }
  }
  expect_failures = [check.generations_do_not_change]
}
