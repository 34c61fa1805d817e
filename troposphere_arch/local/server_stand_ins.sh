#!/bin/bash
# Stands for the programs of an Amazon Linux 2023 that a service's user data calls, in a prepared root: by the name that it
# is called by. It notes each call, does what servers.py needs of the program, and refuses what the program would refuse.
# Given: STAND_INS (a directory: calls, signals, libraries, installed/, failing/), ROOT, CERTIFICATES, PYTHON and PARTS
# (server_parts.py, which stands for cfn-init, pip and systemd).
set -u
name=${0##*/}
{
    printf '%s' "$name"
    (($# == 0)) || printf '\t%s' "$@"
    printf '\n'
} >>"$STAND_INS/calls"

refuse() {
    echo "$name: $*" >&2
    exit 1
}

if [[ -s $STAND_INS/failing/$name ]]; then
    left=$(<"$STAND_INS/failing/$name")
    if ((left > 0)); then
        echo $((left - 1)) >"$STAND_INS/failing/$name"
        refuse "fails, as it was told to"
    fi
fi

installed() { [[ -e $STAND_INS/installed/$1 ]]; }
part() { exec "$PYTHON" -I "$PARTS" "$@"; }

dnf() {
    [[ ${1:-} == install && ${2:-} == -y ]] || refuse "only 'install -y PACKAGE...' is answered here"
    shift 2
    local package agent=$ROOT/opt/aws/amazon-cloudwatch-agent/bin
    for package in "$@"; do
        case $package in
            python3.13 | amazon-cloudwatch-agent | aws-cfn-bootstrap | logrotate) ;;
            *) refuse "no match for argument: $package" ;;
        esac
    done
    for package in "$@"; do : >"$STAND_INS/installed/$package"; done
    if installed amazon-cloudwatch-agent; then
        mkdir -p "$agent"
        ln -sf "$STAND_INS/bin/stand-in" "$agent/amazon-cloudwatch-agent-ctl"
    fi
    if installed logrotate; then mkdir -p "$ROOT/etc/logrotate.d"; fi
}

# The agent takes a file that is JSON, and what it sends is there.
agent() {
    [[ "$*" == "-a fetch-config -m ec2 -s -c file:"* ]] || refuse "only '-a fetch-config -m ec2 -s -c file:' is answered"
    part agent "${7#file:}"
}

python() {
    installed python3.13 || refuse "command not found"
    [[ $# == 3 && $1 == -m && $2 == venv ]] || refuse "only '-m venv DIRECTORY' is answered here"
    mkdir -p "$3/bin" "$3/lib"
    ln -sf "$STAND_INS/bin/stand-in" "$3/bin/pip"
}

curl() {
    local one into=""
    for one in "$@"; do
        case $one in
            https://*) refuse_other "$one" "$@" ;;
        esac
    done
    exec /usr/bin/env -i PATH=/usr/local/bin:/usr/bin:/bin curl "$@"
}

# No request leaves this machine: of elsewhere there are the certificates only.
refuse_other() {
    local url=$1 into="" secure=""
    shift
    while (($# > 0)); do
        case $1 in
            --output) into=$2 && shift ;;
            --proto) secure=$2 && shift ;;
        esac
        shift
    done
    [[ $url == https://truststore.pki.rds.amazonaws.com/global/global-bundle.pem ]] || refuse "(6) no such host: $url"
    [[ $secure == =https ]] || refuse "a redirect to http would be followed"
    cp "$CERTIFICATES" "$into"
    exit
}

useradd() {
    [[ $1 == --system && "$*" == *" --shell /sbin/nologin "* ]] || refuse "only a user of the system without a shell"
    : >"$STAND_INS/installed/user-${*: -1}"
}

getent() { [[ $1 == passwd && -e $STAND_INS/installed/user-$2 ]]; }

systemctl() {
    local verb=${1:-} now="" unit
    shift
    if [[ ${1:-} == --now ]]; then now=1 && shift; fi
    unit=${1:-}
    unit=${unit%.service}
    if [[ $verb == daemon-reload ]]; then
        rm -rf "$STAND_INS/units" && cp -R "$ROOT/etc/systemd/system" "$STAND_INS/units"
        return
    fi
    case $unit in
        sshd) [[ $verb == disable ]] || refuse "unknown command verb $verb" ;;
        logrotate.timer)
            installed logrotate || refuse "unit logrotate.timer not found"
            [[ $verb == enable && -n $now ]] || refuse "unknown command verb $verb"
            ;;
        *)
            [[ -e $STAND_INS/units/$unit.service ]] || refuse "unit $unit.service not found"
            case $verb in
                enable) [[ -z $now ]] || part start "$unit" ;;
                start | restart | stop) part "$verb" "$unit" ;;
                *) refuse "unknown command verb $verb" ;;
            esac
            ;;
    esac
}

cfn_signal() {
    local code="" reason="" stack="" resource="" region=""
    while (($# > 0)); do
        case $1 in
            --exit-code) code=$2 ;;
            --reason) reason=$2 ;;
            --stack) stack=$2 ;;
            --resource) resource=$2 ;;
            --region) region=$2 ;;
            *) refuse "no such option: $1" ;;
        esac
        shift 2
    done
    [[ -n $code && -n $stack && -n $resource && -n $region ]] || refuse "stack, resource, region and exit code are needed"
    printf '%s\t%s\t%s\t%s\t%s\n' "$code" "$reason" "$stack" "$resource" "$region" >>"$STAND_INS/signals"
}

# What waits for another try. Nothing here gets better by waiting, but for a process that has not come up yet.
pause() {
    local n where
    /bin/sleep 0.01
    [[ -s $STAND_INS/listens ]] || return 0
    where=$(<"$STAND_INS/listens")
    for ((n = 0; n < 100; n++)); do
        [[ ! -e $STAND_INS/died ]] || return 0
        (: <>"/dev/tcp/$where") 2>/dev/null && return
        /bin/sleep 0.05
    done
}

case $name in
    cfn-init | pip) part "$name" "$0" "$@" ;;
    cfn-signal) cfn_signal "$@" ;;
    amazon-cloudwatch-agent-ctl) agent "$@" ;;
    python3.13) python "$@" ;;
    sleep) pause ;;
    curl | dnf | getent | systemctl | useradd) "$name" "$@" ;;
    *) refuse "is not known here" ;;
esac
