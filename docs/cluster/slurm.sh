#!/bin/bash
# A study on Slurm: sbatch docs/cluster/slurm.sh --attention all --corpus emodb --root /shared/emodb
# Submit it from the checkout, which, like the corpus, all nodes see at the same path.
#SBATCH --job-name=ser-study
#SBATCH --nodes=4
#SBATCH --ntasks-per-node=1
#SBATCH --cpus-per-task=16
#SBATCH --time=12:00:00
set -euo pipefail
bin="$PWD/.venv/bin"
# Without a token anybody who reaches the nodes could run code there; the home folder is shared by the nodes.
export RAY_AUTH_MODE=token RAY_USAGE_STATS_ENABLED=0
[ -f ~/.ray/auth_token ] || "$bin/ray" get-auth-token --generate >/dev/null
first="$(hostname)"
# Two jobs on one node must not meet at one port.
port=$((20000 + SLURM_JOB_ID % 20000))
export RAY_ADDRESS="$first:$port"
common=(--block --num-cpus="$SLURM_CPUS_PER_TASK" --disable-usage-stats)

# Some versions of Slurm do not hand the job's CPUs on to its steps.
srun --overlap --nodes=1 --ntasks=1 --cpus-per-task="$SLURM_CPUS_PER_TASK" --nodelist="$first" \
    "$bin/ray" start --head --port="$port" --include-dashboard=false "${common[@]}" &
until "$bin/ray" health-check --address "$RAY_ADDRESS" >/dev/null 2>&1; do sleep 2; done
others=$((SLURM_JOB_NUM_NODES - 1))
if [ "$others" -gt 0 ]; then
    srun --overlap --nodes="$others" --ntasks="$others" --cpus-per-task="$SLURM_CPUS_PER_TASK" --exclude="$first" \
        "$bin/ray" start --address="$RAY_ADDRESS" "${common[@]}" &
fi
# No wait for the others: nodes that come while the study runs are used.
"$bin/ser" study run --executor ray "$@"
