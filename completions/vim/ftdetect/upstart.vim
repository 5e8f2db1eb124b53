" SPDX-License-Identifier: MIT
autocmd BufNewFile,BufRead /etc/init/*.conf,/etc/init/*.override setfiletype upstart
autocmd BufNewFile,BufRead */.config/upstart/*.conf,*/.config/upstart/*.override setfiletype upstart
autocmd BufNewFile,BufRead */.init/*.conf,*/.init/*.override,*/upstart/sessions/*.conf setfiletype upstart
