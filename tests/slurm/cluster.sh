# shellcheck shell=bash
# A private Slurm cluster on this machine, for the time of a test. Source it.
#
#   cluster_missing              names the programs that are not installed (nothing if all are)
#   cluster_start DIR CPUS       starts munged, slurmctld and virtual nodes of CPUS CPUs each; exports SLURM_CONF
#   cluster_stop DIR             ends what cluster_start started
#
# All files lie in DIR: key, sockets, state, logs. DIR must be short, for socket paths end at 107 bytes. Nothing in
# the system's configuration is read or changed; ports are free ones of the loopback. CPUs are a claim: nothing
# keeps a job from using the real ones, and nothing measures memory.
#
# As root there are two nodes, each with a host name of its own, so that MPI takes the way between hosts. Other
# users get one node.

PATH=$PATH:/usr/sbin:/sbin

cluster_missing() {
    local program
    for program in munged slurmctld slurmd sbatch srun scontrol squeue; do
        command -v "$program" >/dev/null || echo "$program"
    done
}

# A port on which nobody answers now.
_free_port() {
    local port
    while :; do
        port=$((20000 + RANDOM % 30000))
        case " $* " in *" $port "*) continue ;; esac
        if ! (exec 3<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null; then
            echo "$port"
            return
        fi
    done
}

# Starts a program of the cluster in a session of its own and notes its number.
_spawn() { # DIR NAME COMMAND...
    local dir=$1 name=$2
    shift 2
    setsid "$@" >"$dir/log/$name.out" 2>&1 </dev/null &
    echo "$! $name" >>"$dir/processes"
}

_configure() { # DIR CPUS NODE...
    local dir=$1 cpus=$2 me host node ports=() port
    shift 2
    me=$(id -un)
    host=$(hostname -s)
    port=$(_free_port)
    ports=("$port")
    cat >"$dir/slurm.conf" <<CONF
ClusterName=trial
SlurmUser=$me
SlurmdUser=$me
SlurmctldHost=$host(127.0.0.1)
SlurmctldPort=$port
StateSaveLocation=$dir/state
SlurmdSpoolDir=$dir/spool/%n
SlurmctldPidFile=$dir/run/slurmctld.pid
SlurmdPidFile=$dir/run/%n.pid
SlurmctldLogFile=$dir/log/slurmctld.log
SlurmdLogFile=$dir/log/%n.log
AuthType=auth/munge
CredType=cred/munge
# A requeued job waits until its old credential has run out: two minutes, were it not for this.
AuthInfo=socket=$dir/run/munge,cred_expire=5
# No control groups and no binding: these need rights that a container does not give.
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
JobAcctGatherType=jobacct_gather/none
SelectType=select/cons_tres
SelectTypeParameters=CR_CPU
SlurmdParameters=config_overrides
SchedulerParameters=sched_interval=2,bf_interval=5
SlurmdTimeout=60
KillWait=30
ReturnToService=2
MailProg=/bin/true
CONF
    for node in "$@"; do
        port=$(_free_port "${ports[@]}")
        ports+=("$port")
        echo "NodeName=$node NodeHostname=$host NodeAddr=127.0.0.1 Port=$port CPUs=$cpus RealMemory=64000 State=UNKNOWN" >>"$dir/slurm.conf"
        # PMIx keeps sockets in a folder of the host: every virtual node needs its own.
        mkdir -p "$dir/node/$node" "$dir/tmp/$node" "$dir/spool/$node"
        ln -s "$dir/slurm.conf" "$dir/node/$node/slurm.conf"
        echo "PMIxCliTmpDirBase=$dir/tmp/$node" >"$dir/node/$node/mpi.conf"
    done
    echo "PartitionName=all Nodes=$(IFS=,; echo "$*") Default=YES State=UP MaxTime=INFINITE" >>"$dir/slurm.conf"
}

cluster_start() {
    local dir=$1 cpus=$2 node nodes=(n1) own_name=0
    if unshare --uts true 2>/dev/null; then nodes=(n1 n2) own_name=1; fi
    # munged refuses folders that others may write.
    chmod 755 "$dir"
    mkdir -p "$dir"/{run,log,state,spool}
    : >"$dir/processes"
    export SLURM_CONF=$dir/slurm.conf
    (umask 077 && head -c 1024 /dev/urandom >"$dir/run/key")
    _spawn "$dir" munged munged --foreground --force --key-file="$dir/run/key" --socket="$dir/run/munge" \
        --seed-file="$dir/run/seed" --pid-file="$dir/run/munged.pid" --log-file="$dir/log/munged.log"
    _configure "$dir" "$cpus" "${nodes[@]}"
    _spawn "$dir" slurmctld slurmctld -D -i -f "$SLURM_CONF"
    for node in "${nodes[@]}"; do
        if [ "$own_name" = 1 ]; then
            # shellcheck disable=SC2016
            _spawn "$dir" "$node" unshare --uts sh -c 'hostname "$0"; exec "$@"' "$node" \
                slurmd -D -N "$node" -f "$dir/node/$node/slurm.conf"
        else
            _spawn "$dir" "$node" slurmd -D -N "$node" -f "$dir/node/$node/slurm.conf"
        fi
    done
    local until=$((SECONDS + 60))
    while [ "$(timeout 10 sinfo -h -N -o %t 2>/dev/null | grep -c '^idle$')" != "${#nodes[@]}" ]; do
        if [ "$SECONDS" -ge "$until" ]; then
            echo "the Slurm cluster does not come up; the last of its logs:" >&2
            tail -n 5 "$dir"/log/* >&2
            return 1
        fi
        sleep 0.5
    done
}

cluster_stop() {
    local dir=$1 pid name jobs
    if [ ! -s "$dir/processes" ]; then return 0; fi
    jobs=$(timeout 10 squeue -h -o %A 2>/dev/null)
    if [ -n "$jobs" ]; then
        # shellcheck disable=SC2086
        timeout 10 scancel $jobs 2>/dev/null
        local until=$((SECONDS + 40))
        while [ -n "$(timeout 10 squeue -h -o %A 2>/dev/null)" ] && [ "$SECONDS" -lt "$until" ]; do sleep 0.5; done
    fi
    # Newest first: the nodes, the controller, munge. These are our own children, so their numbers are still theirs.
    tac "$dir/processes" | while read -r pid name; do
        kill "$pid" 2>/dev/null
        for _ in $(seq 50); do
            kill -0 "$pid" 2>/dev/null || break
            sleep 0.1
        done
        kill -KILL "$pid" 2>/dev/null
    done
    : >"$dir/processes"
}
