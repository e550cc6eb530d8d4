#!/bin/bash
# Runs a command in a Slurm cluster on this machine, which lives in a temporary folder while the command runs:
#
#   tools/scale/slurm_one_machine.sh COMMAND [ARGUMENT...]
#
# Needs munged, slurmctld and slurmd (Debian: slurm-wlm, munge), no systemd, no root and no configuration. Jobs run
# as the user who calls this. The exit code is that of the command.
set -euo pipefail
PATH=$PATH:/usr/sbin:/sbin

for program in munged slurmctld slurmd sbatch sinfo; do
  command -v "$program" >/dev/null || { echo "error: $program is not installed (slurm-wlm, munge)" >&2; exit 1; }
done
[ $# -gt 0 ] || { echo "usage: $0 COMMAND [ARGUMENT...]" >&2; exit 2; }

place=$(mktemp -d)
daemons=()
clean_up() {
  scancel --user="$(id -un)" >/dev/null 2>&1 || true
  # In the reverse of the order in which they were started.
  for ((i = ${#daemons[@]} - 1; i >= 0; i--)); do
    kill "${daemons[i]}" 2>/dev/null || true
    wait "${daemons[i]}" 2>/dev/null || true
  done
  rm -rf "$place"
}
trap clean_up EXIT

mkdir "$place/state" "$place/spool"
(umask 077; head -c 1024 /dev/urandom >"$place/munge.key")
host=$(hostname -s)
port=$((20000 + $$ % 20000))
user=$(id -un)
# cred_expire is also how long a requeued job waits.
cat >"$place/slurm.conf" <<CONF
ClusterName=one
SlurmctldHost=$host(127.0.0.1)
SlurmctldPort=$port
SlurmdPort=$((port + 1))
SlurmUser=$user
SlurmdUser=$user
AuthType=auth/munge
AuthInfo=socket=$place/munge.sock,cred_expire=5
CredType=cred/munge
SlurmctldPidFile=$place/slurmctld.pid
SlurmdPidFile=$place/slurmd.pid
StateSaveLocation=$place/state
SlurmdSpoolDir=$place/spool
SlurmctldLogFile=$place/slurmctld.log
SlurmdLogFile=$place/slurmd.log
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
JobAcctGatherType=jobacct_gather/none
AccountingStorageType=accounting_storage/none
MpiDefault=none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core
SchedulerParameters=sched_interval=2,batch_sched_delay=1
NodeName=$host NodeAddr=127.0.0.1 CPUs=$(nproc)
PartitionName=all Nodes=$host Default=YES MaxTime=INFINITE State=UP
CONF
export SLURM_CONF=$place/slurm.conf

munged --foreground --force --key-file="$place/munge.key" --socket="$place/munge.sock" \
  --pid-file="$place/munged.pid" --seed-file="$place/munge.seed" >"$place/munged.log" 2>&1 &
daemons+=($!)
until [ -S "$place/munge.sock" ]; do sleep 0.1; kill -0 "${daemons[0]}"; done
slurmctld -D >/dev/null 2>&1 &
daemons+=($!)
slurmd -D >/dev/null 2>&1 &
daemons+=($!)
for _ in $(seq 300); do
  [ "$(sinfo --noheader --format=%T 2>/dev/null)" = idle ] && ready=1 && break
  sleep 0.2
done
[ "${ready:-}" ] || { echo "error: the node did not come up" >&2; tail -n 20 "$place"/*.log >&2; exit 1; }

"$@"
