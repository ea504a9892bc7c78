#!/usr/bin/env bash
# The driver as a job, because Snakemake must not run on the login node. From the repository:
#     sbatch profiles/biowulf/submit.sh                                   the study of config/config.yaml
#     sbatch profiles/biowulf/submit.sh tune --configfile config/my.yaml  any arguments of snakemake
# Submitting it again goes on where it stopped. To stop it and the jobs it started:
#     scancel JOBID
# With another profile: sbatch --partition=... --export=ALL,PROFILE=profiles/slurm profiles/biowulf/submit.sh
# After a driver that was killed (memory, a lost node), submit it again: it waits for jobs that
# still run, unlocks the folder and repeats nothing that had finished.
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
mark=.snakemake/driver # there while a driver works; names it
driver=                # process of Snakemake
stopped=

if [ ! -f Snakefile ]; then
    echo "ERROR: no Snakefile in $PWD: submit from the folder of the repository" >&2
    exit 2
fi
if [ -x .venv/bin/snakemake ]; then
    PATH="$PWD/.venv/bin:$PATH"
fi
PATH="$PWD/profiles/biowulf/bin:$PATH" # see the comments there

pause() {
    sleep 30 &
    wait $! # unlike a plain sleep, ends when a signal arrives
}

# Jobs of this user, in a format of squeue. If SLURM does not answer, ask again: nothing is assumed.
queue() {
    until squeue --me --noheader --format="$1"; do
        pause
    done
}

# Jobs that drivers of this folder have submitted: the plugin writes their rule into the comment.
# Folders are compared as files: SLURM knows them by their physical path, users often by a link.
jobs_here() {
    local job folder comment
    queue '%i|%Z|%k' | while IFS='|' read -r job folder comment; do
        if [[ $comment == rule_* ]] && [ "$folder" -ef . ]; then
            echo "$job"
        fi
    done
}

# Drivers of this folder that began before this one. SLURM has one order for all who ask, so of two
# that begin together exactly one finds the other.
drivers_before_this() {
    local all marked began job state start folder command
    all=$(queue '%i|%T|%S|%Z|%o')
    marked=$(cat "$mark" 2>/dev/null)
    IFS='|' read -r _ _ began _ <<<"$(grep "^$SLURM_JOB_ID|" <<<"$all")"
    while IFS='|' read -r job state start folder command; do
        if [ "$job" = "$SLURM_JOB_ID" ]; then
            continue
        elif [ "$job" = "$marked" ]; then
            echo "$job"
        elif [ "$state" != PENDING ] && [[ $command == *submit.sh* ]] && [ "$folder" -ef . ] &&
            [[ "$start $(printf %012d "$job")" < "$began $(printf %012d "$SLURM_JOB_ID")" ]]; then
            echo "$job"
        fi
    done <<<"$all"
}

cancel_jobs() {
    local left
    if [ -n "${SLURM_JOB_ID:-}" ]; then
        left=$(jobs_here)
        [ -z "$left" ] || scancel $left
    fi
}

# Snakemake cancels its jobs on SIGINT, but for those that it is just asking about or submitting; on
# SIGTERM it waits for them, and SLURM kills it meanwhile. So they are cancelled here, too.
stop() {
    stopped=yes
    [ -z "$driver" ] || kill -INT "$driver"
    cancel_jobs
    [ -n "$driver" ] || exit 143
}

if [ -n "${SLURM_JOB_ID:-}" ]; then
    others=$(drivers_before_this)
    if [ -n "$others" ]; then
        echo "ERROR: job" $others "is already the driver of $PWD" >&2
        exit 3
    fi
fi
trap stop TERM INT
if [ -n "${SLURM_JOB_ID:-}" ]; then
    while left=$(jobs_here) && [ -n "$left" ]; do
        echo "waiting for jobs that an earlier driver left:" $left
        pause
    done
    if [ -f "$mark" ]; then
        echo "driver $(cat "$mark") was killed; unlocking the folder"
        snakemake --profile "$profile" --unlock "$@"
    fi
    mkdir -p .snakemake
    echo "$SLURM_JOB_ID" >"$mark"
fi

set -m # job control: without it, a background process ignores SIGINT
snakemake --profile "$profile" "$@" &
driver=$!

# `wait` also returns when a signal arrives; the driver is then still cancelling its jobs.
wait "$driver"
status=$?
while kill -0 "$driver" 2>/dev/null; do
    wait "$driver"
    status=$?
done
[ -z "$stopped" ] || cancel_jobs
# A Snakemake that was killed could not unlock the folder: the mark stays, and the next driver does.
[ "$status" -gt 128 ] || rm -f "$mark"
exit "$status"
