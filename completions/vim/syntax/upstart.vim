" SPDX-License-Identifier: MIT
" Vim syntax of Upstart job files, see init(5). A test holds the words to the table of stanzas.
if exists("b:current_syntax")
  finish
endif

syntax include @upstartShell syntax/sh.vim
unlet! b:current_syntax

syntax case match
" `-` is part of words.
setlocal iskeyword+=-

syntax match upstartComment "#.*$" contains=@Spell
syntax match upstartEscape "\\." contained
syntax region upstartString start=+"+ skip=+\\.+ end=+"+ contains=upstartEscape,upstartVariable
syntax region upstartString start=+'+ skip=+\\.+ end=+'+ contains=upstartEscape,upstartVariable
syntax match upstartVariable "\$\w\+\|\${[^}]*}"
syntax match upstartContinuation "\\$"

" First words.
syntax match upstartStanza "^\s*\%(description\|author\|version\|usage\|manual\|emits\|task\|instance\|env\|export\|import\|tmpfiles\)\>"
syntax match upstartStanza "^\s*\%(expect\|watchdog\|respawn\|console\|umask\|nice\|oom\|limit\|chroot\|chdir\|setuid\|setgid\)\>"
syntax match upstartStanza "^\s*\%(cgroup\|namespace\|hostname\|mount\|private\|readonly\|hidden\|idmap\|debug\|while\|exec\)\>"

" Two words.
syntax match upstartStanza "^\s*\%(start\|stop\)\s\+on\>"
syntax match upstartStanza "^\s*respawn\s\+\%(limit\|delay\)\>"
syntax match upstartStanza "^\s*normal\s\+exit\>"
syntax match upstartStanza "^\s*kill\s\+\%(signal\|timeout\|mode\)\>"
syntax match upstartStanza "^\s*reload\s\+signal\>"
syntax match upstartStanza "^\s*log\s\+\%(max-size\|max-age\|keep\|compress\|format\|forward\)\>"
syntax match upstartStanza "^\s*namespace\s\+\%(join\|share\|optional\)\>"
syntax match upstartStanza "^\s*time\s\+offset\>"
syntax match upstartStanza "^\s*apparmor\s\+\%(load\|switch\)\>"
syntax match upstartStanza "^\s*\%(pre-start\|post-start\|pre-stop\|post-stop\)\s\+\%(exec\|setuid\|setgid\)\>"
syntax match upstartStanza "^\s*user\s\+environment\>"

" Expressions.
syntax keyword upstartOperator and or not
syntax keyword upstartEvent startup starting started stopping stopped runlevel filesystem
syntax keyword upstartValue none log output owner stop fork daemon exit pidfile notify fd listen timeout unlimited never score group tree

syntax region upstartScript matchgroup=upstartStanza keepend contains=@upstartShell
      \ start="^\s*\%(\%(pre-start\|post-start\|pre-stop\|post-stop\)\s\+\)\=script\ze\s*\%(#.*\)\=$"
      \ end="^\s*end\s\+script\ze\s*\%(#.*\)\=$"

highlight default link upstartComment Comment
highlight default link upstartEscape SpecialChar
highlight default link upstartString String
highlight default link upstartVariable Identifier
highlight default link upstartContinuation Special
highlight default link upstartStanza Statement
highlight default link upstartOperator Operator
highlight default link upstartEvent Constant
highlight default link upstartValue Type

let b:current_syntax = "upstart"
