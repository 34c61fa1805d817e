#!/bin/bash
# Stands for the programs of an Amazon Linux 2023 that user data calls, in a prepared root: by the name that it is called
# by. It notes each call, does what fleet.py needs of the program, and refuses what the program would refuse.
# Given: STAND_INS (a directory: calls, signals, mounts, installed/, failing/), ROOT, FILES, WEB_SERVER (nginx takes a
# variable NGINX for sockets that it inherits).
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

run_nginx() {
    installed nginx || refuse "nginx is not installed"
    "$WEB_SERVER" -p "$ROOT" -e "$ROOT/var/log/nginx/error.log" -c "$ROOT/etc/nginx/nginx.conf" "$@"
}

dnf() {
    [[ ${1:-} == install && ${2:-} == -y ]] || refuse "only 'install -y PACKAGE...' is answered here"
    shift 2
    local package
    for package in "$@"; do
        case $package in
            nginx | amazon-efs-utils | aws-cfn-bootstrap | logrotate) ;;
            *) refuse "no match for argument: $package" ;;
        esac
    done
    for package in "$@"; do : >"$STAND_INS/installed/$package"; done
    if installed nginx; then mkdir -p "$ROOT/etc/nginx" "$ROOT/var/log/nginx" "$ROOT/var/lib/nginx/tmp"; fi
    if installed logrotate; then mkdir -p "$ROOT/etc/logrotate.d"; fi
}

mount() {
    [[ $# == 1 && -d $1 ]] || refuse "only 'mount DIRECTORY' is answered here, by the line in /etc/fstab"
    [[ ! -L $1 ]] || refuse "$1 is mounted already"
    local source target type options rest found=
    while read -r source target type options rest; do
        [[ $target != "$1" ]] || { found=1 && break; }
    done <"$ROOT/etc/fstab"
    [[ -n $found ]] || refuse "$1 is not in /etc/fstab"
    [[ $type == efs ]] || refuse "type $type is not answered here"
    installed amazon-efs-utils || refuse "unknown filesystem type 'efs'"
    [[ $source =~ ^fs-[0-9a-zA-Z]+:/$ ]] || refuse "$source is no file system"
    local option
    for option in _netdev tls iam ro lookupcache=pos accesspoint=fsap-; do
        [[ ,$options, == *",$option"* ]] || refuse "options $options lack $option"
    done
    printf '%s\t%s\t%s\n' "$source" "$target" "$options" >>"$STAND_INS/mounts"
    mv "$target" "$STAND_INS/below"
    ln -s "$FILES" "$target"
}

mountpoint() {
    [[ $# == 2 && $1 == -q ]] || refuse "only 'mountpoint -q DIRECTORY' is answered here"
    [[ -L $2 ]]
}

# A service starts when the mounts are there that its unit requires.
start() {
    [[ $1 == nginx ]] || return 0
    local wanted
    wanted=$(sed -n 's/^RequiresMountsFor=//p' "$ROOT/etc/systemd/system/nginx.service.d"/*.conf) || true
    [[ -z $wanted || -L $wanted ]] || refuse "nginx.service: dependency failed, $wanted is not mounted"
    run_nginx -t -q && run_nginx
}

stop() {
    local pid=$ROOT/run/nginx.pid
    [[ $1 == nginx && -s $pid ]] || return 0
    kill -TERM "$(<"$pid")"
    while [[ -e $pid ]]; do /bin/sleep 0.01; done
}

systemctl() {
    local verb=${1:-} now="" unit
    shift
    if [[ ${1:-} == --now ]]; then now=1 && shift; fi
    unit=${1:-}
    unit=${unit%.service}
    if [[ $verb == daemon-reload ]]; then return 0; fi
    case $unit in
        sshd) ;;
        nginx) installed nginx || refuse "unit nginx.service not found" ;;
        logrotate.timer) installed logrotate || refuse "unit logrotate.timer not found" ;;
        *) refuse "unit $unit not found" ;;
    esac
    case $verb in
        enable) [[ -z $now ]] || start "$unit" ;;
        disable) [[ -z $now ]] || stop "$unit" ;;
        start) start "$unit" ;;
        stop) stop "$unit" ;;
        restart) stop "$unit" && start "$unit" ;;
        *) refuse "unknown command verb $verb" ;;
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

case $name in
    nginx) run_nginx "$@" ;;
    cfn-signal) cfn_signal "$@" ;;
    # What waits for another try; nothing here gets better by waiting.
    sleep) /bin/sleep 0.01 ;;
    dnf | mount | mountpoint | systemctl) "$name" "$@" ;;
    *) refuse "is not known here" ;;
esac
