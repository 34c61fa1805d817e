#!/bin/bash
# Makes a server of updates of a fresh Amazon Linux 2023, as the end of an instance's user data, and tells CloudFormation
# once how that went. What comes before it sets the variables below and writes /root/nginx.conf. May be run again.
# No dnf-automatic: the image's repositories stand still, so it would find nothing; a newer image is a new instance.
set -euo pipefail

say() { echo "updates: $*"; }

fail() {
    reason=$1
    exit 1
}

reason="" step="reading the settings"
finish() {
    local code=$? told=0
    # What ended the script in the middle of a step is in the lines before this one.
    ((code == 0)) || reason="${reason:-$step: failed with exit code $code}"
    say "${reason:-ready, generation $GENERATION}"
    # SignalResource carries no reason: it is in the console's output and /var/log/cloud-init-output.log.
    /opt/aws/bin/cfn-signal --exit-code "$code" --reason "${reason:-ready}" --stack "${STACK:-}" \
        --resource "${RESOURCE:-}" --region "${REGION:-}" || told=$?
    # Refused when no stack waits: an instance that Auto Scaling starts by itself.
    ((told == 0)) || say "CloudFormation took no signal (exit code $told)"
    exit "$code"
}
trap finish EXIT

for name in FILE_SYSTEM_ID ACCESS_POINT_ID REGION STACK RESOURCE GENERATION; do
    [[ -n ${!name:-} ]] || fail "$name is not set in the user data"
done

# try TIMES COMMAND...: again after 5 s when it fails.
try() {
    local times=$1 n
    shift
    for ((n = 1; n <= times; n++)); do
        if "$@"; then return; fi
        say "try $n of $times failed: $*"
        ((n == times)) || sleep 5
    done
    fail "$step: $1 failed $times times"
}

step="closing SSH"
say "$step"
systemctl disable --now sshd

step="installing packages"
say "$step"
try 6 dnf install -y nginx amazon-efs-utils aws-cfn-bootstrap logrotate

step="mounting $FILE_SYSTEM_ID"
say "$step"
# lookupcache=pos: that a name is not there is never remembered, so a new release is seen at once.
# https://docs.aws.amazon.com/efs/latest/ug/mounting-access-points.html
options="_netdev,tls,iam,ro,accesspoint=$ACCESS_POINT_ID,lookupcache=pos"
if ! mountpoint -q /srv/updates; then
    mkdir -p /srv/updates
    touch /srv/updates/.not-mounted
fi
line="$FILE_SYSTEM_ID:/ /srv/updates efs $options 0 0"
grep -qxF "$line" /etc/fstab || echo "$line" >>/etc/fstab
systemctl daemon-reload
# By the line that a reboot uses, so that this one shows that it works. The name of a new file system may take minutes.
mountpoint -q /srv/updates || try 36 mount /srv/updates

step="configuring nginx"
say "$step"
install -m 644 /root/nginx.conf /etc/nginx/nginx.conf
nginx -t
mkdir -p /etc/systemd/system/nginx.service.d /etc/systemd/system/logrotate.timer.d
# After a reboot too it starts after the mount, and not without it.
cat >/etc/systemd/system/nginx.service.d/updates.conf <<'END'
[Unit]
RequiresMountsFor=/srv/updates
[Service]
Restart=on-failure
RestartSec=2
END
# The package's own rotation is once a day, whatever the size.
cat >/etc/logrotate.d/nginx <<'END'
/var/log/nginx/*.log {
    create 0640 nginx root
    size 100M
    rotate 5
    compress
    missingok
    sharedscripts
    postrotate
        kill -USR1 "$(cat /run/nginx.pid)"
    endscript
}
END
cat >/etc/systemd/system/logrotate.timer.d/updates.conf <<'END'
[Timer]
OnCalendar=
OnCalendar=*:0/5
AccuracySec=1min
RandomizedDelaySec=0
END
systemctl daemon-reload

step="starting nginx"
say "$step"
systemctl enable --now logrotate.timer
systemctl enable nginx
systemctl restart nginx

step="waiting for /health"
say "$step"
try 24 curl --silent --show-error --fail --max-time 5 --output /dev/null http://localhost/health

step="waiting for the load balancer"
say "$step"
# It asks every 10 s, and twice before it sends requests here; once this is told, an older server may go.
sleep 30
