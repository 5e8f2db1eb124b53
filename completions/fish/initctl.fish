# SPDX-License-Identifier: MIT
# fish completion for initctl and the commands that are links to it.
#
# Commands and options are asked of the program itself, jobs and events of the init that the command line means.

# The words before the one that is completed, and how to ask the same init something.
function __upstart_ask
    set -l words (commandline -opc)
    set -l program $words[1]
    if contains -- (path basename -- $program 2>/dev/null; or basename -- $program) start stop restart reload status
        set program (string replace -r '[^/]*$' initctl -- $program)
    end
    set -l to
    for word in $words[2..-1]
        switch $word
            case --user --system --session '--dest=*'
                set -a to $word
        end
    end
    $program $to $argv 2>/dev/null
end

function __upstart_commands
    __upstart_ask help | string replace -rf '^  (\S+)\s+(\S.*)$' '$1\t$2'
    __upstart_ask help | string replace -rf '^  (\S+)$' '$1'
end

# The command: the first word that is no option, or the name of the program.
function __upstart_command
    set -l words (commandline -opc)
    set -l name (basename -- $words[1])
    if contains -- $name start stop restart reload status
        echo $name
        return 0
    end
    for word in $words[2..-1]
        if not string match -q -- '-*' $word
            echo $word
            return 0
        end
    end
    return 1
end

function __upstart_needs_command
    not __upstart_command >/dev/null
end

# How many operands of the command stand before the present word?
function __upstart_operands
    set -l words (commandline -opc)
    set -l n 0
    for word in $words[2..-1]
        string match -q -- '-*' $word; or set n (math $n + 1)
    end
    contains -- (basename -- $words[1]) start stop restart reload status; or set n (math $n - 1)
    echo $n
end

function __upstart_jobs
    __upstart_ask list | string match -r '^[^\t].*' | string match -r -- $argv[1] |
        string replace -r ' (?:\(|(?:start|stop|respawn)/).*' '' | sort -u
end

function __upstart_events
    __upstart_ask show-config -e | string replace -rf '^  (?:emits|start on|stop on) (\S+).*' '$1' | string match -v -r '[*?[]' | sort -u
end

function __upstart_states
    __upstart_ask list-states | string replace -r '[, ].*' '' | sort -u
end

# Those that somebody has set, and not a job by running.
function __upstart_foreign_states
    __upstart_ask list-states | string match -r '.*, set by .*' | string replace -r '[, ].*' '' | sort -u
end

# The operands of the command that stand before the present word.
function __upstart_before
    set -l words (commandline -opc)
    set -l rest (string match -v -- '-*' $words[2..-1])
    contains -- (basename -- $words[1]) start stop restart reload status; or set rest $rest[2..-1]
    string join \n -- $rest
end

# The names of the instances of a job, and the variable that names them where it is one alone.
function __upstart_instances
    __upstart_ask list | string replace -rf -- '^'(string escape --style=regex -- $argv[1])' \((.*)\) [a-z]+/.*' '$1'
end
function __upstart_key
    __upstart_ask explain --json $argv[1] | sed -n '/"instances"/q; s/^.*"instance": "$\([A-Za-z0-9_]*\)".*/\1/p'
end

# Does the command order something, and is the present word the order?
function __upstart_sorts
    test "$(__upstart_command)" = top
    and contains -- (commandline -opc)[-1] -s --sort
end

# Is the present word the name of a file?
function __upstart_names_file
    test "$(__upstart_command)" = report
    and contains -- (commandline -opc)[-1] -o --output
end

function __upstart_arguments
    set -l command (__upstart_command)
    or return
    if __upstart_sorts
        printf '%s\n' cpu memory time name
        return
    end
    if test (__upstart_operands) -eq 1
        set -l before (__upstart_before)[1]
        switch $command
            case explain log
                __upstart_instances $before
            case stop restart reload status
                set -l key (__upstart_key $before)
                test -n "$key"; and __upstart_instances $before | string replace -r '^' $key=
            case plan
                contains -- $before start stop restart; and __upstart_jobs '.*'
        end
    end
    if not string match -qr 'et-env$|^graph$' $command
        test (__upstart_operands) -eq 0
        or return
    end
    if test $command = check-config; and contains -- (commandline -opc)[-1] -i --ignore-events
        __upstart_events
        return
    end
    switch $command
        case start
            __upstart_jobs '.* stop/.*|.*\) [a-z]+/.*'
        case stop restart reload
            __upstart_jobs '.* (?:start|respawn)/.*'
        case status usage show-config check-config explain list-timers log graph chart
            __upstart_jobs '.*'
        case tree
            __upstart_jobs '.*'
            __upstart_events
            __upstart_states
        case emit
            __upstart_events
        case plan
            printf '%s\n' start stop restart
            __upstart_events
        case list-states
            __upstart_states
        case set-state clear-state
            __upstart_foreign_states
        case get-env unset-env
            __upstart_ask list-env | string replace -r '=.*' ''
        case set-env
            __upstart_ask list-env | string replace -r '=.*' '='
        case last-shutdown
            __fish_complete_path (commandline -ct)
        case log-priority
            printf '%s\n' debug info message warn error fatal
        case notify-dbus-address
            test -n "$DBUS_SESSION_BUS_ADDRESS"; and echo $DBUS_SESSION_BUS_ADDRESS
    end
end

function __upstart_options
    set -l words (commandline -opc)
    set -l command
    if not contains -- (basename -- $words[1]) start stop restart reload status
        set command (__upstart_command)
    end
    if test "$command" = top; and string match -q -- '--sort=*' (commandline -ct)
        printf '%s\n' --sort=cpu --sort=memory --sort=time --sort=name
        return
    end
    $words[1] $command --help 2>/dev/null | string replace -rf '^  (?:-., |    )(--[^ =]+=?)\S*\s*(.*)$' '$1\t$2'
end

complete -c initctl -n __upstart_names_file -F
for program in initctl start stop restart reload status
    complete -c $program -f
    complete -c $program -n __upstart_needs_command -a '(__upstart_commands)'
    complete -c $program -n 'not __upstart_needs_command' -a '(__upstart_arguments)'
    complete -c $program -n 'string match -q -- "-*" (commandline -ct)' -a '(__upstart_options)'
end
