# Stops two servers when nobody has held a lock for a while.
# Arguments: state folder, data folder, PostgreSQL number and start, Redis number and start,
# grace in seconds. Started by `testservers`; the servers outlive the process that boots them.
state=$1 data=$2 pg=$3 pg_start=$4 redis=$5 redis_start=$6 grace=$7

start_of() {
    if [ -e /proc/self/stat ]; then
        stat=$(cat "/proc/$1/stat" 2>/dev/null) || return 0
        # The name in brackets may hold blanks; what follows it is fixed.
        set -- ${stat##*) }
        [ "$1" = Z ] || [ "$1" = X ] || echo "${20}"
    else
        ps -o lstart= -p "$1" | sed 's/^ *//;s/ *$//'
    fi
}

alive() { [ "$(start_of "$1")" = "$2" ]; }

try_lock() {
    if command -v flock >/dev/null 2>&1; then flock -n -x 9
    else perl -e 'open(my $f, ">&=", 9) or exit 2; exit(flock($f, 2 | 4) ? 0 : 1)'; fi
}

unlock() {
    if command -v flock >/dev/null 2>&1; then flock -u 9
    else perl -e 'open(my $f, ">&=", 9); flock($f, 8)'; fi
}

# stop <number> <start> <signal>...: the next signal follows when five seconds did not do.
stop() {
    number=$1 start=$2
    shift 2
    for signal in "$@"; do
        alive "$number" "$start" || return 0
        kill "-$signal" "$number" 2>/dev/null
        tries=0
        while alive "$number" "$start" && [ "$tries" -lt 50 ]; do
            sleep 0.1
            tries=$((tries + 1))
        done
    done
}

finish() {
    stop "$pg" "$pg_start" INT QUIT KILL
    stop "$redis" "$redis_start" TERM KILL
    if grep -q "^postgres $pg .*$pg_start" "$state/state" 2>/dev/null; then
        rm -f "$state/state"
        rm -rf "$data"
    fi
    exit 0
}

idle=0
while alive "$pg" "$pg_start" || alive "$redis" "$redis_start"; do
    sleep 1
    # Without the folder nobody can ask for these servers any more.
    [ -d "$state" ] || finish
    exec 9>>"$state/hold" || finish
    if try_lock; then
        idle=$((idle + 1))
        # The lock stays held meanwhile, so that a newcomer waits until all is gone.
        [ "$idle" -ge "$grace" ] && finish
        unlock
    else
        idle=0
    fi
    exec 9>&-
done
