# What a machine does at its first boot. Nothing here is secret (it stays in the state in clear), and nothing of it is about the
# run: where a relay finds the others, and its keys, reach it later.
locals {
  first_boot = merge(
    merge([
      for c in local.crews : {
        for id in keys(c.relays) : id => {
          role     = "relay"
          archives = { "/opt/hayate" = var.generations[c.generation] }
          packages = []
          files    = []
        }
      }
    ]...),
    merge([
      for r in var.regions : {
        for n in range(1, r.nats + 1) : "nats-${r.code}-${n}" => {
          role     = "nats"
          archives = { "/opt/hayate" = local.newest, "/opt/nats" = var.nats }
          packages = []
          files    = []
        }
      }
    ]...),
    {
      control = {
        role     = "control"
        archives = merge({ "/opt/hayate" = local.newest }, var.control.grafana == null ? {} : { "/opt/grafana" = var.control.grafana })
        packages = ["prometheus"]
        # There before the package is, which starts it at once and listens everywhere by itself; apt keeps the file.
        files = [{ path = "/etc/default/prometheus", permissions = "0644", content = "ARGS=\"--web.listen-address=127.0.0.1:9090\"\n" }]
      }
    },
  )

  user_data = {
    for id, boot in local.first_boot : id => "#cloud-config\n${yamlencode({
      hostname       = "${var.name}-${id}"
      ssh_pwauth     = false
      package_update = true
      packages       = concat(["ca-certificates", "curl"], boot.packages)
      write_files = concat([{
        path        = "/usr/local/sbin/hayate-fetch"
        permissions = "0755"
        content     = file("${path.module}/../machine/fetch.sh")
      }], boot.files)
      # One list joined by &&: after a failed download nothing is started.
      runcmd = [join(" && ", concat(
        [for folder, archive in boot.archives : "/usr/local/sbin/hayate-fetch '${archive.url}' ${archive.sha256} ${folder}"],
        ["/opt/hayate/infra/machine/install.sh ${boot.role}"],
      ))]
    })}"
  }
}

# What a machine that enrols is born with, beside its user_data: a token is spent at the first boot, and worthless ten minutes later.
locals {
  births = {
    for id, token in var.enrolment.tokens : id => jsonencode({
      id    = id
      url   = "https://${local.control["control"].ipv4}:8443"
      ca    = var.enrolment.ca
      token = token
    })
  }
}

# What the fleet gives a machine that it makes: the user_data of a relay of the newest generation, and its birth. `{id}` and
# `{enrolmentToken}` are filled in at its create; here it is at the control node, brought by infra/push.ts.
locals {
  fleet_generation = reverse(sort(distinct([for c in local.crews : c.generation])))[0]
  fleet_model      = yamldecode(local.user_data[[for key, c in local.crews : keys(c.relays)[0] if c.generation == local.fleet_generation][0]])
  fleet_user_data = "#cloud-config\n${yamlencode(merge(local.fleet_model, {
    hostname = "${var.name}-{id}"
    write_files = concat(local.fleet_model.write_files, [{
      path        = "/etc/hayate/enrol.json"
      permissions = "0600"
      content = jsonencode({
        id    = "{id}"
        url   = "https://${local.control["control"].ipv4}:8443"
        ca    = var.enrolment.ca
        token = "{enrolmentToken}"
      })
    }])
  }))}"
}
