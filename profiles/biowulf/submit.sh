#!/usr/bin/env bash
# The driver as a job, because Snakemake must not run on the login node. From the repository:
#     sbatch profiles/biowulf/submit.sh                                   the study of config/config.yaml
#     sbatch profiles/biowulf/submit.sh tune --configfile config/my.yaml  any arguments of snakemake
# Submitting it again goes on where it stopped. To stop it and the jobs it started:
#     scancel --batch --signal=TERM JOBID
# (plain scancel cancels the jobs too, but may kill the driver before it has unlocked the folder;
# then run `snakemake --unlock` once.)
#
#SBATCH --job-name=tybalt
#SBATCH --partition=norm
#SBATCH --cpus-per-task=2
#SBATCH --mem=8g
#SBATCH --time=5-00:00:00
#SBATCH --signal=B:TERM@300
#SBATCH --output=tybalt-%j.log

set -uo pipefail

if [ ! -f Snakefile ]; then
    echo "ERROR: no Snakefile in $PWD: submit from the folder of the repository" >&2
    exit 2
fi
if [ -x .venv/bin/snakemake ]; then
    PATH="$PWD/.venv/bin:$PATH"
fi

# Snakemake cancels its jobs on SIGINT; on SIGTERM it waits for them to finish, and SLURM kills it
# meanwhile. Job control (set -m) is needed: without it, a background process ignores SIGINT.
set -m
snakemake --profile profiles/biowulf "$@" &
driver=$!
trap 'kill -INT "$driver"' TERM INT

# `wait` also returns when a signal arrives; the driver is then still cancelling its jobs.
wait "$driver"
status=$?
while kill -0 "$driver" 2>/dev/null; do
    wait "$driver"
    status=$?
done
exit "$status"
