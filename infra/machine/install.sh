#!/bin/sh
# install.sh relay|nats|control: makes this machine one of them. Run as root from the unpacked release; again does no harm.
# Nothing is started: a service has its settings and keys first, which infra/push.ts brings. From then on it starts at each boot.
# DESTDIR: the root of another system, where nothing is started (for images and tests).
set -eu
role=${1:-}
here=$(cd "$(dirname "$0")/../.." && pwd)
root=${DESTDIR:-}
case $role in
  relay) units="hayate-relay.service hayate-enrol.service hayate-enrol.timer" ;;
  nats) units=hayate-nats.service ;;
  control) units="hayate-control.service hayate-fleet.service hayate-grafana.service" ;;
  *) echo "usage: ${0##*/} relay|nats|control" >&2; exit 2 ;;
esac
[ "$(id -u)" = 0 ] || { echo "${0##*/}: needs root" >&2; exit 1; }

install -d -m 755 "$root/usr/local/bin" "$root/etc/systemd/system" "$root/etc/sysusers.d" "$root/etc/sysctl.d"
ln -sf "$here/bin/hayate" "$root/usr/local/bin/hayate"
install -m 644 "$here/infra/systemd/hayate.sysusers" "$root/etc/sysusers.d/hayate.conf"
install -m 644 "$here/infra/systemd/hayate.sysctl" "$root/etc/sysctl.d/60-hayate.conf"
for unit in $units; do
  install -m 644 "$here/infra/systemd/$unit" "$root/etc/systemd/system/"
done
if [ -n "$root" ]; then exit 0; fi

systemd-sysusers
sysctl --quiet --system
# Secrets are in here: for root, and for the services by their group, which every file in it gets (setgid).
install -d -m 2750 -g hayate /etc/hayate
systemctl daemon-reload
for unit in $units; do systemctl enable "$unit"; done
# A machine that was born with a token goes on by itself; without one this does nothing.
if [ "$role" = relay ]; then systemctl start --no-block hayate-enrol.service hayate-enrol.timer; fi
