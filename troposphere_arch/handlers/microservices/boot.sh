#!/bin/bash
# Makes a server of a service of a fresh Amazon Linux 2023, as the end of an instance's user data, and tells
# CloudFormation once how that went. What comes before it sets the variables below, and in `told` those of the service.
# May be run again. The image's repositories stand still: a newer image is a new instance.
set -euo pipefail

say() { echo "service: $*"; }

fail() {
    reason=$1
    exit 1
}

reason="" step="reading the settings"
log=/var/log/service/service.log
finish() {
    local code=$? signalled=0
    # What ended the script in the middle of a step is in the lines before this one.
    ((code == 0)) || reason="${reason:-$step: failed with exit code $code}"
    if ((code > 0)) && [[ -s $log ]]; then tail -n 40 "$log"; fi
    say "${reason:-ready, generation $GENERATION}"
    # SignalResource carries no reason: it is in the console's output and in the log group.
    /opt/aws/bin/cfn-signal --exit-code "$code" --reason "${reason:-ready}" --stack "${STACK:-}" \
        --resource "${RESOURCE:-}" --region "${REGION:-}" || signalled=$?
    # Refused when no stack waits: an instance that Auto Scaling starts by itself.
    ((signalled == 0)) || say "CloudFormation took no signal (exit code $signalled)"
    exit "$code"
}
trap finish EXIT

for name in REGION STACK RESOURCE SOURCE GENERATION CODE_SHA256 LIBRARIES_SHA256 COMMAND LOG_GROUP \
    DATABASE_CERTIFICATES; do
    [[ -n ${!name:-} ]] || fail "$name is not set in the user data"
done
declare -A variables=()
for line in "${told[@]}"; do variables[${line%%=*}]=${line#*=}; done
for name in PORT HEALTH; do
    [[ -n ${variables[$name]:-} ]] || fail "$name is not told in the user data"
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
try 6 dnf install -y python3.13 amazon-cloudwatch-agent aws-cfn-bootstrap logrotate

# From here on what this says, and later the service, is in the log group.
step="sending logs"
say "$step"
mkdir -p /var/log/service
cat >/etc/service-logs.json <<END
{
    "logs": {
        "logs_collected": {
            "files": {
                "collect_list": [
                    {
                        "file_path": "$log",
                        "log_group_name": "$LOG_GROUP",
                        "log_stream_name": "{instance_id}"
                    },
                    {
                        "file_path": "/var/log/cloud-init-output.log",
                        "log_group_name": "$LOG_GROUP",
                        "log_stream_name": "{instance_id}-boot"
                    }
                ]
            }
        }
    }
}
END
/opt/aws/amazon-cloudwatch-agent/bin/amazon-cloudwatch-agent-ctl -a fetch-config -m ec2 -s \
    -c file:/etc/service-logs.json
# The package's own rotation is once a day, whatever the size. The file is the service's while it runs.
cat >/etc/logrotate.d/service <<'END'
/var/log/service/*.log {
    size 50M
    rotate 2
    compress
    missingok
    copytruncate
}
END
mkdir -p /etc/systemd/system/logrotate.timer.d
cat >/etc/systemd/system/logrotate.timer.d/service.conf <<'END'
[Timer]
OnCalendar=
OnCalendar=*:0/5
AccuracySec=1min
RandomizedDelaySec=0
END
systemctl daemon-reload
systemctl enable --now logrotate.timer

# is FILE SHA256
is() { sha256sum --check --status <<<"$2  $1"; }
# The template's code is what the stack has now; another than what this instance was started for is not run.
fetch() {
    /opt/aws/bin/cfn-init --stack "$STACK" --resource "$SOURCE" --region "$REGION" || return
    is /srv/service/index.py "$CODE_SHA256" && is /srv/service/requirements.txt "$LIBRARIES_SHA256" ||
        { say "the stack has other code than this instance was started for" && return 1; }
}
step="fetching the code"
say "$step"
try 6 fetch

step="installing libraries"
say "$step"
python3.13 -m venv /opt/service
try 6 /opt/service/bin/pip install --disable-pip-version-check --no-cache-dir --only-binary :all: --require-hashes \
    --requirement /srv/service/requirements.txt

step="fetching the certificates of databases"
say "$step"
mkdir -p /etc/service
try 6 curl --silent --show-error --fail --proto =https --max-time 30 --output /etc/service/database.pem \
    "$DATABASE_CERTIFICATES"
grep -q "BEGIN CERTIFICATE" /etc/service/database.pem || fail "$step: there is none in what came"

step="configuring the service"
say "$step"
getent passwd service >/dev/null || useradd --system --no-create-home --shell /sbin/nologin service
# Within double quotes these four begin with a backslash.
# https://www.freedesktop.org/software/systemd/man/latest/systemd.exec.html#EnvironmentFile=
for line in "${told[@]}"; do
    printf '%s="%s"\n' "${line%%=*}" "$(sed 's/["\\`$]/\\&/g' <<<"${line#*=}")"
done >/etc/service/environment
chmod 600 /etc/service/environment
cat >/etc/systemd/system/service.service <<END
[Unit]
Description=Answers the requests of the service
Wants=network-online.target
After=network-online.target
StartLimitIntervalSec=0

[Service]
User=service
WorkingDirectory=/srv/service
EnvironmentFile=/etc/service/environment
Environment=PYTHONDONTWRITEBYTECODE=1
Environment=PYTHONUNBUFFERED=1
ExecStart=/opt/service/bin/$COMMAND
StandardOutput=append:$log
StandardError=inherit
Restart=always
RestartSec=1
TimeoutStopSec=30
CapabilityBoundingSet=
LockPersonality=yes
NoNewPrivileges=yes
PrivateDevices=yes
PrivateTmp=yes
ProtectControlGroups=yes
ProtectHome=yes
ProtectKernelModules=yes
ProtectKernelTunables=yes
ProtectSystem=strict
RestrictAddressFamilies=AF_INET AF_INET6 AF_UNIX
RestrictNamespaces=yes
RestrictSUIDSGID=yes
SystemCallArchitectures=native
UMask=0077

[Install]
WantedBy=multi-user.target
END
systemctl daemon-reload

step="starting the service"
say "$step"
systemctl enable service
systemctl restart service

serves() {
    [[ $(curl --silent --show-error --max-time 5 --output /dev/null --write-out '%{http_code}' \
        "http://127.0.0.1:${variables[PORT]}${variables[HEALTH]}") == 200 ]]
}
step="waiting for 200 of ${variables[HEALTH]} at port ${variables[PORT]}"
say "$step"
try 12 serves

step="waiting for the load balancer"
say "$step"
# It asks more than once before it sends requests here; once this is told, an older server may go.
sleep 30
