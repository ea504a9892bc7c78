#!/usr/bin/env bash
# The driver as a job, because Snakemake must not run on the login node. From the repository:
#     sbatch profiles/biowulf/submit.sh                                   the study of config/config.yaml
#     sbatch profiles/biowulf/submit.sh tune --configfile config/my.yaml  any arguments of snakemake
# Submitting it again goes on where it stopped. To stop it and the jobs it started:
#     scancel --batch --signal=TERM JOBID
# With another profile: sbatch --partition=... --export=ALL,PROFILE=profiles/slurm profiles/biowulf/submit.sh
# After a driver that was killed (plain scancel, a lost node), submit it again: it waits for jobs
# that still run, unlocks the folder and repeats nothing that had finished.
#
#SBATCH --job-name=tybalt
#SBATCH --partition=norm
#SBATCH --cpus-per-task=2
#SBATCH --mem=8g
#SBATCH --time=5-00:00:00
#SBATCH --signal=B:TERM@300
#SBATCH --output=tybalt-%j.log

set -uo pipefail
profile=${PROFILE:-profiles/biowulf}

if [ ! -f Snakefile ]; then
    echo "ERROR: no Snakefile in $PWD: submit from the folder of the repository" >&2
    exit 2
fi
if [ -x .venv/bin/snakemake ]; then
    PATH="$PWD/.venv/bin:$PATH"
fi

# Jobs of a kind (driver | rule) that wait or run in this folder, but this one. The plugin writes
# the rule of a job into its comment. When SLURM does not answer, ask again: nothing is assumed.
jobs_here() {
    local all
    until all=$(squeue --me --noheader --format='%i|%k|%Z'); do
        sleep 30
    done
    awk -F'|' -v kind="$1" -v here="$PWD" -v self="$SLURM_JOB_ID" -v driver="$(cat "$mark" 2>/dev/null)" \
        '$3 == here && $1 != self && (kind == "driver" ? $1 == driver : $2 ~ /^rule_/) { print $1 }' \
        <<<"$all"
}

mark=.snakemake/driver
if [ -n "${SLURM_JOB_ID:-}" ]; then
    if [ -n "$(jobs_here driver)" ]; then
        echo "ERROR: job $(cat "$mark") is already the driver of $PWD" >&2
        exit 3
    fi
    while left=$(jobs_here rule) && [ -n "$left" ]; do
        echo "waiting for jobs that an earlier driver left:" $left
        sleep 30
    done
    if [ -f "$mark" ]; then
        echo "driver $(cat "$mark") was killed; unlocking the folder"
        snakemake --profile "$profile" "$@" --unlock
    fi
    mkdir -p .snakemake
    echo "$SLURM_JOB_ID" >"$mark"

    # The plugin (2.6.0 to 2.8.0) takes the state `CANCELLED by 1234` for that of a job that runs,
    # and would wait for a cancelled job for ever. So the driver's sacct leaves out by whom.
    mkdir -p .snakemake/bin
    printf '#!/bin/bash\nset -o pipefail\n"%s" "$@" | sed "s/|CANCELLED by .*/|CANCELLED/"\n' \
        "$(command -v sacct)" >.snakemake/bin/sacct
    chmod +x .snakemake/bin/sacct
    PATH="$PWD/.snakemake/bin:$PATH"
fi

# Snakemake cancels its jobs on SIGINT; on SIGTERM it waits for them to finish, and SLURM kills it
# meanwhile. Job control (set -m) is needed: without it, a background process ignores SIGINT.
set -m
driver=
trap '[ -z "$driver" ] || kill -INT "$driver"' TERM INT
snakemake --profile "$profile" "$@" &
driver=$!

# `wait` also returns when a signal arrives; the driver is then still cancelling its jobs.
wait "$driver"
status=$?
while kill -0 "$driver" 2>/dev/null; do
    wait "$driver"
    status=$?
done
rm -f "$mark"
exit "$status"
