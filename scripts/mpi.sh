# shellcheck shell=bash
# Source it: `$MPIRUN -n N` then works for any user and for more ranks than cores.

MPIRUN=${MPIRUN:-mpirun}
if [ "$(id -u)" = 0 ]; then
    # Open MPI 4 and 5 refuse root otherwise. A container or a fresh virtual machine often has no other user.
    export OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1
    export PRTE_ALLOW_RUN_AS_ROOT=1 PRTE_ALLOW_RUN_AS_ROOT_CONFIRM=1
fi
# Containers often forbid the system call with which ranks read each other's memory.
export OMPI_MCA_btl_vader_single_copy_mechanism=none
case $($MPIRUN --version 2>/dev/null) in
*"Open MPI"* | *PRRTE*) MPIRUN="$MPIRUN --oversubscribe" ;;
esac
export MPIRUN
